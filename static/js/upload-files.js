// Which files a person chose or dropped, folders included: a list of {file, path}.
(() => {
  "use strict";

  // What systems and programs leave in folders, and nobody means to upload.
  const LITTER = /^(\..*|~\$.*|Thumbs\.db|desktop\.ini|__MACOSX)$/i;

  function isLitter(path) {
    return path.split("/").some((part) => LITTER.test(part));
  }

  function ofInput(input) {
    return Array.from(input.files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
  }

  // A folder's entries come in parts of a hundred, and an empty part ends them.
  async function entriesOf(folder) {
    const reader = folder.createReader();
    const all = [];
    for (;;) {
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!part.length) return all;
      all.push(...part);
    }
  }

  async function ofEntry(entry, found) {
    const path = entry.fullPath.replace(/^\//, "");
    if (isLitter(path)) found.push({ path });
    else if (entry.isDirectory) {
      for (const inner of await entriesOf(entry)) await ofEntry(inner, found);
    } else {
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      found.push({ file: file || new File([], entry.name), path, isUnreadable: !file });
    }
  }

  async function ofDrop(transfer) {
    // The entries have to be taken before the first wait: the transfer is empty afterwards.
    const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return Array.from(transfer.files, (file) => ({ file, path: file.name }));
    const found = [];
    for (const entry of entries) await ofEntry(entry, found);
    return found;
  }

  // Has `take(files, left out)` called with what is chosen in the inputs or dropped on the zone.
  function listen(zone, inputs, take) {
    const handle = (found) => {
      const files = found.filter(({ path }) => !isLitter(path));
      take(files, found.length - files.length);
    };
    for (const input of inputs) {
      input.addEventListener("change", () => {
        const found = ofInput(input);
        input.value = "";
        if (found.length) handle(found);
      });
    }
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
    zone.addEventListener("drop", async (event) => handle(await ofDrop(event.dataTransfer)));
  }

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

  window.knowledge.files = { listen, shownSize };
})();
