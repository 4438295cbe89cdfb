// What every page shares: messages, menus, dialogs, confirmations and errors of htmx requests.
(() => {
  "use strict";

  // --- messages: notify("Saved.", "success"), or an HX-Trigger header {"toast": {"text", "level"}} ---
  const messages = document.getElementById("messages");
  const MESSAGE_MS = 8000;

  function notify(text, level = "info") {
    const box = document.createElement("div");
    box.className = `message message-${level}`;
    box.dataset.message = "";
    const line = document.createElement("p");
    line.textContent = text;
    const dismiss = document.createElement("button");
    dismiss.type = "button";
    dismiss.className = "button button-quiet button-icon button-small";
    dismiss.dataset.dismiss = "";
    dismiss.setAttribute("aria-label", "Dismiss");
    dismiss.textContent = "×";
    box.append(line, dismiss);
    messages.append(box);
  }

  // Errors stay until they are dismissed; the rest goes by itself, however it came in.
  function expire(box) {
    if (!box.matches(".message-error")) setTimeout(() => box.remove(), MESSAGE_MS);
  }
  messages.querySelectorAll("[data-message]").forEach(expire);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node instanceof Element && node.matches("[data-message]")) expire(node);
      }
    }
  }).observe(messages, { childList: true });
  document.addEventListener("toast", (event) => notify(event.detail.text, event.detail.level));

  // --- clicks: [data-dismiss], [data-open-dialog=id], [data-close-dialog], menus ---
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    target.closest("[data-dismiss]")?.closest("[data-message]")?.remove();
    const opener = target.closest("[data-open-dialog]");
    if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
    if (target.closest("[data-close-dialog]")) target.closest("dialog")?.close();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      const chosen = menu.contains(target) && target.closest(".menu-list a, .menu-list button");
      if (!menu.contains(target) || chosen) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // --- confirmations: hx-confirm="…" and <form data-confirm="…">, both with data-confirm-button ---
  const dialog = document.getElementById("confirm-dialog");

  function confirmWith(question, label, action) {
    dialog.querySelector("h2").textContent = question;
    dialog.querySelector("[value=confirm]").textContent = label || "Yes, go on";
    dialog.returnValue = "cancel";
    dialog.addEventListener("close", () => dialog.returnValue === "confirm" && action(), { once: true });
    dialog.showModal();
  }

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const label = event.detail.elt.dataset.confirmButton;
    confirmWith(event.detail.question, label, () => event.detail.issueRequest(true));
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirm || form.dataset.confirmed) return;
    event.preventDefault();
    const submitter = event.submitter;
    confirmWith(form.dataset.confirm, form.dataset.confirmButton, () => {
      form.dataset.confirmed = "1";
      form.requestSubmit(submitter);
      delete form.dataset.confirmed;
    });
  });

  // --- errors of htmx requests: the server's sentence as a message, not in the fragment's place ---
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status < 400) return;
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const said = page.querySelector("[data-error-message]");
    if (xhr.status === 422 && !said) return; // a form with its errors, to be shown where it stands
    event.detail.shouldSwap = false;
    const sentence = said ? said.textContent : `That did not work (error ${xhr.status}).`;
    // A form can name the place for its errors: data-error-target="#place".
    const place = document.querySelector(event.detail.requestConfig.elt.dataset.errorTarget || "#none");
    if (place) place.textContent = sentence;
    else notify(sentence, "error");
  });
  document.addEventListener("htmx:sendError", () => {
    notify("The server cannot be reached. Check the connection and try again.", "error");
  });

  window.knowledge = { notify, confirmWith };
})();
