// CloudFront runs this once for each request, on every behaviour, before anything else: it writes down which host was asked
// for, by whom and when, over whatever a visitor sent under these names. The functions believe it only beside the secret
// that the distribution adds on the way to them. What counting and rules read travels in one header: a policy lists ten.
var READ = [
  'dnt', 'purpose', 'sec-ch-ua-mobile', 'sec-ch-ua-platform', 'sec-fetch-mode', 'sec-fetch-site', 'sec-gpc', 'sec-purpose',
  'x-moz', 'x-purpose'
];
var MOST = 100; // letters of each: all that browsers send is shorter

function safe(text) {
  return encodeURIComponent(text.slice(0, MOST).replace(/[^ -~]/g, '?'));
}

function handler(event) {
  var request = event.request;
  var headers = request.headers;
  var facts = ['address=' + safe(event.viewer.ip), 'id=' + safe(event.context.requestId), 'at=' + Date.now()];
  READ.forEach(function (name) {
    if (headers[name]) {
      facts.push(name + '=' + safe(headers[name].value));
    }
  });
  headers['x-front-host'] = { value: headers.host ? headers.host.value : '' };
  headers['x-front'] = { value: facts.join('&') };
  delete headers['x-front-secret'];
  return request;
}
