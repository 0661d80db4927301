// Starts Swagger UI with the description of this service. Keys are kept no longer than the page.
const { root } = document.body.dataset;
const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dress();
dark.addEventListener("change", dress);

try {
  const answer = await fetch(`${root}/openapi.json`);
  if (!answer.ok) throw new Error(answer.status);
  const spec = await answer.json();
  const { pathname } = new URL(spec.servers[0].url);
  SwaggerUIBundle({
    dom_id: "#reference",
    // Requests go to the host that the page came from: its policy allows no other.
    spec: { ...spec, servers: [{ url: location.origin + pathname }] },
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    validatorUrl: null,
  });
} catch {
  document.getElementById("failed").hidden = false;
}
