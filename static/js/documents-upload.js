// The upload pages: files are chosen here and sent by upload-sender.js, while htmx shows how far they are.
(() => {
  "use strict";

  const page = document.querySelector("[data-upload-page]");
  const limits = page?.querySelector("[data-upload-limits]");
  if (!limits) return;
  const { listen, shownSize } = window.knowledge.files;
  const box = page.querySelector("[data-upload-sending]");
  const form = page.querySelector("[data-upload]");
  const resume = page.querySelector("[data-upload-resume]");
  const most = Number(limits.dataset.batch);
  const sender = new window.knowledge.Sender(limits, say, changed);

  function say(sentence) {
    box.hidden = false;
    box.querySelector("[data-upload-said]").textContent = sentence;
    box.classList.toggle("notice-ok", !sender.isSending);
    page.toggleAttribute("data-sending", sender.isSending);
  }

  // Asks for the present state; while files come in quick succession, not for each.
  let asked = 0;
  function changed() {
    const view = document.getElementById("upload-view");
    if (!view || (sender.isSending && Date.now() - asked < 1000)) return;
    asked = Date.now();
    window.htmx.trigger(view, "refresh");
  }

  window.addEventListener("beforeunload", (event) => {
    if (sender.isSending) event.preventDefault();
  });

  // What was refused and is still at hand is sent again with "Retry all".
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.matches("[data-upload-retry]")) event.detail.parameters.set("resent", sender.retry());
  });

  // --- the page of an upload that has begun: the rest can be sent ---
  function offerTheRest() {
    const { unsent, failed } = document.getElementById("upload-view").dataset;
    resume.hidden = sender.isSending || (unsent === "0" && failed === "0");
  }
  if (resume) {
    listen(resume.querySelector("[data-drop-zone]"), resume.querySelectorAll("input"), async (files) => {
      if (sender.isSending) return;
      resume.hidden = true;
      const count = await sender.start(document.getElementById("upload-view").dataset.url, files, true);
      if (!count) say("None of these files is still to be sent for this upload.");
      offerTheRest();
    });
    document.addEventListener("htmx:afterSettle", offerTheRest);
    offerTheRest();
  }
  if (!form) return;

  // --- the page where an upload begins ---
  const SHOWN = 50;
  const input = form.querySelector("#id_file");
  const submit = form.querySelector("[data-upload-submit]");
  const list = form.querySelector("[data-upload-list]");
  const template = document.getElementById("upload-item");
  let chosen = [];
  let leftOut = 0;

  // From here on the list holds the files, so the browser need not ask for one.
  input.required = false;

  function refresh() {
    const count = chosen.length;
    form.querySelector("[data-upload-chosen]").hidden = !count && !leftOut;
    submit.disabled = !count || count > most;
    submit.lastChild.textContent = count > 1 ? `Upload ${count} files` : "Upload";
    form.querySelector("[data-upload-summary]").textContent = summary(count);
    list.replaceChildren(...chosen.slice(0, SHOWN).map(shown));
    if (count > SHOWN) {
      const more = document.createElement("li");
      more.className = "muted small";
      more.textContent = `and ${count - SHOWN} more`;
      list.append(more);
    }
  }

  function summary(count) {
    if (count > most) return `${count} files are more than the ${most} that can be uploaded at once. Choose a part of the folder.`;
    const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
    const hidden = leftOut ? ` ${leftOut} hidden or temporary ${leftOut === 1 ? "file is" : "files are"} left out.` : "";
    return `${count} ${count === 1 ? "file" : "files"}, ${shownSize(bytes)}.${hidden}`;
  }

  function shown(one) {
    const element = template.content.firstElementChild.cloneNode(true);
    element.querySelector("[data-name]").textContent = one.path;
    element.querySelector("[data-size]").textContent = shownSize(one.file.size);
    const remove = element.querySelector("[data-remove]");
    remove.setAttribute("aria-label", `Remove ${one.path}`);
    remove.addEventListener("click", () => {
      chosen = chosen.filter((other) => other !== one);
      refresh();
    });
    return element;
  }

  function nameOf(files) {
    const tops = new Set(files.map(({ path }) => path.split("/")[0]));
    if (tops.size === 1) return [...tops][0];
    return `${files.length} files`;
  }

  function needsTeam() {
    const choice = form.querySelector("[name=visibility]:checked");
    const missing = choice.value === "teams" && !form.querySelector("[name=teams]:checked");
    if (missing) window.knowledge.notify("Choose at least one team to share with.", "error");
    return missing;
  }

  async function begin() {
    const data = new FormData(form);
    data.delete("file");
    data.append("name", nameOf(chosen));
    submit.disabled = true;
    let url;
    try {
      ({ url } = await sender.post(form.dataset.upload, data));
    } catch (error) {
      window.knowledge.notify(error.message, "error");
      submit.disabled = false;
      return;
    }
    // The address is that of the upload from now on: a reload, or another visit, shows it again.
    const view = document.createElement("div");
    view.id = "upload-view";
    page.querySelector("[data-upload-start]").replaceWith(view);
    window.history.replaceState(null, "", url);
    await window.htmx.ajax("GET", url, { target: "#upload-view", swap: "outerHTML" });
    document.title = document.querySelector("#upload-view h1")?.textContent || document.title;
    await sender.start(url, chosen, false);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!needsTeam()) begin();
  });
  form.querySelector("[data-remove-all]").addEventListener("click", () => {
    chosen = [];
    leftOut = 0;
    refresh();
  });
  listen(form.querySelector("[data-drop-zone]"), form.querySelectorAll("input[type=file]"), (files, litter) => {
    const known = new Set(chosen.map(({ path }) => path));
    chosen = chosen.concat(files.filter(({ path }) => !known.has(path)));
    chosen.sort((one, other) => one.path.localeCompare(other.path));
    leftOut += litter;
    refresh();
  });
  refresh();
})();
