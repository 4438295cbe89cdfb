// The picture of a page: tries again when the server is busy, then says that it did not load.
(() => {
  "use strict";

  const WAITS_MS = [2000, 5000, 10000];

  function watch() {
    const sheet = document.querySelector("[data-page-image]");
    const image = sheet && sheet.querySelector("img");
    if (!image) return;
    const address = image.src;
    let failures = 0;

    const failed = () => {
      if (failures < WAITS_MS.length) {
        window.setTimeout(() => {
          image.removeAttribute("srcset");
          image.src = `${address}&again=${failures}`;
        }, WAITS_MS[failures]);
        failures += 1;
      } else {
        image.hidden = true;
        sheet.querySelectorAll("svg").forEach((marks) => marks.remove());
        sheet.querySelector("[data-image-failed]").hidden = false;
      }
    };

    image.addEventListener("error", failed);
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) failed();
  }
  watch();

  // A slide takes the place of its text once it is drawn.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "page-shown" && event.detail.elt?.id !== "page-shown") return;
    watch();
    document.getElementById("passage")?.scrollIntoView({ block: "center" });
  });
})();
