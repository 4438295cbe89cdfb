// The document pages: confirmation of a delete, scrolling to a cited passage, reload at the end of ingestion.
(() => {
  "use strict";

  // A delete link leads to a page that asks; with this script a dialog asks in place.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[data-delete]") : null;
    if (!link) return;
    event.preventDefault();
    const count = Number(link.dataset.deleteWith || 0);
    const attached = count ? ` with its ${count > 1 ? `${count} attachments` : "attachment"}` : "";
    const question = `Delete “${link.dataset.delete}”${attached} for everybody? This cannot be undone.`;
    window.knowledge.confirmWith(question, "Delete", () => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = link.href;
      const token = document.createElement("input");
      token.type = "hidden";
      token.name = "csrfmiddlewaretoken";
      token.value = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"];
      form.append(token);
      document.body.append(form);
      form.submit();
    });
  });

  // A citation opens the page at its passage, also where the address has no #passage.
  const passage = document.getElementById("passage");
  if (passage) {
    passage.scrollIntoView({ block: "center" });
    passage.focus({ preventScroll: true });
  }

  // The text of a document is there once it has been read: the poll that ends brings it in.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.id !== "status-poll" || !event.detail.successful) return;
    const poll = document.getElementById("status-poll");
    const waiting = document.querySelector("[data-reload-when-done]");
    if (waiting && poll && !poll.hasAttribute("hx-get")) window.location.reload();
  });
})();
