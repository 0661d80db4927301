// The QR code of a link, to view and to download.
import { api, domainOf, root } from "./api.js";
import { button, make, saveAs, say, text, withoutScheme } from "./dom.js";

export function qrCode(link) {
  const { code, shortUrl } = link;
  const domain = domainOf(link);
  const path = domain ? `/v1/links/${code}/qr?domain=${domain}` : `/${code}/qr`;
  const png = async () => {
    try {
      saveAs(`${code}.png`, (await api.get(`${path}${domain ? "&" : "?"}size=1024`, { accept: "image/png" })).body);
    } catch (problem) {
      say(problem.detail);
    }
  };
  return make("figure", { class: "qr" },
    make("img", { src: root + path, width: 148, height: 148, alt: text("qrOf", { short: withoutScheme(shortUrl) }) }),
    make("figcaption", {}, make("a", { class: "plain button", href: root + path, download: `${code}.svg` }, "SVG"), " ", button("PNG", png)));
}
