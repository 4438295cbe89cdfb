// The upload page: files are dropped or chosen, then sent one by one, each with its own progress.
(() => {
  "use strict";

  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector("[data-drop-zone]");
  const list = form.querySelector("[data-upload-list]");
  const submit = form.querySelector("[data-upload-submit]");
  const done = form.querySelector("[data-upload-done]");
  const status = form.querySelector("[data-upload-status]");
  const template = document.getElementById("upload-item");
  const maxBytes = Number(form.dataset.maxBytes);
  const AT_ONCE = 3;
  const items = [];

  // From here on the list holds the files, so the browser need not ask for one.
  input.required = false;
  submit.disabled = true;

  function shownSize(bytes) {
    const units = ["bytes", "KB", "MB", "GB"];
    let size = bytes;
    let unit = 0;
    while (size >= 1024 && unit < units.length - 1) {
      size /= 1024;
      unit += 1;
    }
    return `${unit ? size.toFixed(1) : size} ${units[unit]}`;
  }

  function add(file) {
    const element = template.content.firstElementChild.cloneNode(true);
    const item = { file, element, state: "ready" };
    element.querySelector("[data-name]").textContent = file.name;
    const remove = element.querySelector("[data-remove]");
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.addEventListener("click", () => {
      items.splice(items.indexOf(item), 1);
      element.remove();
      if (item.request) item.request.abort();
      refresh();
    });
    list.append(element);
    items.push(item);
    if (file.size > maxBytes) fail(item, `Larger than ${form.dataset.maxShown}, the most that is accepted.`);
    else show(item, shownSize(file.size));
  }

  function show(item, text) {
    item.element.querySelector("[data-state]").textContent = text;
  }

  function fail(item, sentence) {
    item.state = "failed";
    item.element.classList.add("upload-failed");
    item.element.querySelector("progress").hidden = true;
    const error = item.element.querySelector("[data-error]");
    error.textContent = sentence;
    error.hidden = false;
    show(item, "Not uploaded");
  }

  function refresh() {
    const count = (state) => items.filter((item) => item.state === state).length;
    const ready = count("ready");
    const sending = count("sending");
    list.hidden = items.length === 0;
    submit.disabled = ready === 0 || sending > 0;
    submit.lastChild.textContent = ready > 1 ? `Upload ${ready} files` : "Upload";
    const known = count("known");
    const finished = !ready && !sending && count("uploaded") + known > 0;
    done.hidden = !finished;
    submit.hidden = finished;
    if (finished) {
      const failed = count("failed");
      status.textContent = `${count("uploaded")} uploaded${known ? `, ${known} already there` : ""}${failed ? `, ${failed} not uploaded` : ""}.`;
    }
  }

  function succeed(item, answer, isNew) {
    item.state = isNew ? "uploaded" : "known";
    item.element.classList.add("upload-done");
    item.element.querySelector("progress").hidden = true;
    item.element.querySelector("[data-remove]").remove();
    const link = document.createElement("a");
    link.href = `${form.dataset.document}${answer.id}`;
    link.textContent = item.file.name;
    item.element.querySelector("[data-name]").replaceChildren(link);
    show(item, isNew ? "Uploaded" : "Already there");
    if (isNew) return;
    const note = item.element.querySelector("[data-error]");
    note.className = "muted small";
    note.textContent = `You uploaded this file already, as “${answer.filename}”. It stays as it is, its sharing too.`;
    note.hidden = false;
  }

  function sentenceOf(request) {
    if (request.status === 0) return "The connection was lost. Try again.";
    try {
      return JSON.parse(request.responseText).error.message;
    } catch {
      return `The server answered with error ${request.status}.`;
    }
  }

  function send(item) {
    return new Promise((resolve) => {
      const data = new FormData();
      const choice = new FormData(form);
      data.append("visibility", choice.get("visibility"));
      if (choice.get("visibility") === "teams") {
        for (const team of choice.getAll("teams")) data.append("teams", team);
      }
      data.append("file", item.file);
      const request = new XMLHttpRequest();
      const bar = item.element.querySelector("progress");
      bar.hidden = false;
      bar.setAttribute("aria-label", `Transfer of ${item.file.name}`);
      item.state = "sending";
      item.request = request;
      show(item, "0 %");
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        const percent = Math.floor((100 * event.loaded) / event.total);
        bar.value = percent;
        show(item, percent < 100 ? `${percent} %` : "Storing…");
      });
      request.addEventListener("loadend", () => {
        // 200: the same bytes are there already, and the answer is what they became.
        if ([200, 201].includes(request.status)) {
          succeed(item, JSON.parse(request.responseText), request.status === 201);
        }
        else if (items.includes(item)) fail(item, sentenceOf(request));
        refresh();
        resolve();
      });
      request.open("POST", form.dataset.upload);
      request.setRequestHeader("X-CSRFToken", choice.get("csrfmiddlewaretoken"));
      request.setRequestHeader("Accept", "application/json");
      request.send(data);
    });
  }

  async function sendAll() {
    const waiting = items.filter((item) => item.state === "ready");
    const next = async () => {
      for (let item = waiting.shift(); item; item = waiting.shift()) {
        if (items.includes(item)) await send(item);
      }
    };
    submit.disabled = true;
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    refresh();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!needsTeam()) sendAll();
  });

  function needsTeam() {
    const chosen = form.querySelector("[name=visibility]:checked");
    const missing = chosen.value === "teams" && !form.querySelector("[name=teams]:checked");
    if (missing) window.knowledge.notify("Choose at least one team to share with.", "error");
    return missing;
  }

  input.addEventListener("change", () => {
    for (const file of input.files) add(file);
    input.value = "";
    refresh();
  });

  // A drop beside the zone would otherwise make the browser leave the page for the file.
  for (const name of ["dragover", "drop"]) {
    window.addEventListener(name, (event) => event.preventDefault());
  }
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, () => zone.classList.add("drop-zone-over"));
  }
  for (const name of ["dragleave", "drop"]) {
    zone.addEventListener(name, () => zone.classList.remove("drop-zone-over"));
  }
  zone.addEventListener("drop", (event) => {
    for (const file of event.dataTransfer.files) add(file);
    refresh();
  });
  window.addEventListener("beforeunload", (event) => {
    if (items.some((item) => item.state === "sending")) event.preventDefault();
  });
})();
