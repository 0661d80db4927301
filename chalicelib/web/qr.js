// The QR code of a link, to look at and to keep.
import { api, root } from "./api.js";
import { busy, button, make, saveAs, say, withoutScheme } from "./dom.js";
import { text } from "./texts.js";

export function qrCode(link) {
  const src = `${root}/${encodeURIComponent(link.code)}/qr`;
  const png = button(text("downloadPng"), () => busy(png, async () => {
    const { body } = await api.get(`/${encodeURIComponent(link.code)}/qr?size=1024`, { accept: "image/png" }).catch(() => ({}));
    if (body) saveAs(`${link.code}.png`, body);
    else say(text("unreachable"));
  }), { class: "plain" });
  return make("figure", { class: "qr" },
    make("img", { src, width: 148, height: 148, alt: text("qrOf", { short: withoutScheme(link.shortUrl) }) }),
    make("figcaption", { class: "actions" }, make("a", { class: "plain button", href: src, download: `${link.code}.svg` }, text("downloadSvg")), png));
}
