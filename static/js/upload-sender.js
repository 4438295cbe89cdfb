// Sends files of one upload in bounded requests, waits where the server asks for it, and tells how far it is.
(() => {
  "use strict";

  const AT_ONCE = 2;
  const MOST_TRIES = 12;
  const LONGEST_WAIT_S = 60;
  const { shownSize } = window.knowledge.files;

  class Stopped extends Error {}

  class Sender {
    // `limits` is the element that says how much a request may hold, and has the token of the forms.
    constructor(limits, say, changed) {
      this.limits = limits.dataset;
      this.token = limits.querySelector("[name=csrfmiddlewaretoken]").value;
      this.say = say;
      this.changed = changed;
      this.queue = [];
      this.refused = new Map();
      this.isSending = false;
      this.paused = "";
      this.sentBytes = this.totalBytes = this.sentFiles = this.totalFiles = 0;
    }

    // Tells the server which files will come, and sends those that it asks for. Returns how many.
    async start(url, files, isResumed) {
      this.url = url;
      this.begin("Preparing…");
      let asked = 0;
      try {
        const size = Number(this.limits.announced);
        for (let first = 0; first < files.length; first += size) {
          const part = files.slice(first, first + size);
          const numbers = await this.announce(part, isResumed);
          part.forEach((one, index) => {
            if (numbers[index] === null) return;
            asked += 1;
            this.add({ ...one, number: numbers[index] });
          });
          this.say(`Preparing… ${Math.min(first + size, files.length)} of ${files.length}`);
          this.changed();
        }
        await this.sendAll();
      } catch (error) {
        this.stop(error);
      }
      return asked;
    }

    // Sends again what was refused and is still at hand; returns how many files it are.
    retry() {
      const again = [...this.refused.values()];
      this.refused.clear();
      again.forEach((one) => this.add(one));
      if (again.length && !this.isSending) {
        this.begin("Sending again…");
        this.sendAll().catch((error) => this.stop(error));
      }
      return again.length;
    }

    add(one) {
      this.queue.push(one);
      this.totalFiles += 1;
      this.totalBytes += one.file.size;
    }

    begin(sentence) {
      this.isSending = true;
      this.say(sentence);
    }

    stop(error) {
      this.isSending = false;
      this.queue = [];
      this.say(error instanceof Stopped ? error.message : "Something went wrong on this page. Reload it, then go on with the upload.");
      this.changed();
      if (!(error instanceof Stopped)) throw error;
    }

    async announce(part, isResumed) {
      const files = part.map(({ file, path }) => ({ path, size: file.size, modified: file.lastModified || 0 }));
      const body = JSON.stringify({ files, resumed: isResumed });
      const answer = await this.post(`${this.url}/files`, body, "application/json");
      return answer.numbers;
    }

    async sendAll() {
      const lane = async () => {
        for (let bunch = this.next(); bunch.length; bunch = this.next()) await this.sendBunch(bunch);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, lane));
      if (this.queue.length) return this.sendAll(); // added by a retry meanwhile
      this.isSending = false;
      this.say("Everything was sent. You can leave this page.");
      this.changed();
      return undefined;
    }

    next() {
      const bunch = [];
      let bytes = 0;
      while (this.queue.length && bunch.length < Number(this.limits.files)) {
        bytes += this.queue[0].file.size;
        if (bunch.length && bytes > Number(this.limits.bytes)) break;
        bunch.push(this.queue.shift());
      }
      return bunch;
    }

    async sendBunch(bunch) {
      const data = new FormData();
      for (const one of bunch) {
        if (one.isUnreadable || !(await isReadable(one.file))) data.append("unreadable", one.number);
        else {
          data.append("sent", one.number);
          // The server knows the name already; what a browser makes of odd characters is no matter.
          data.append(`file-${one.number}`, one.file, `${one.number}`);
        }
      }
      let answer;
      try {
        answer = await this.post(`${this.url}/send`, data);
      } catch (error) {
        if (!(error instanceof TooMuch)) throw error;
        if (bunch.length === 1) throw new Stopped(`“${bunch[0].path}” is more than the server takes in one request. Ask your administrator to allow it.`);
        for (const one of bunch) await this.sendBunch([one]);
        return;
      }
      const byNumber = new Map(bunch.map((one) => [one.number, one]));
      for (const { number, state } of answer.files) {
        const one = byNumber.get(number);
        if (state === "refused") this.refused.set(number, one);
        this.sentFiles += 1;
        this.sentBytes += one.file.size;
      }
      this.tell();
      this.changed();
    }

    tell() {
      const bytes = `${shownSize(this.sentBytes)} of ${shownSize(this.totalBytes)}`;
      this.say(`Sending: ${this.sentFiles} of ${this.totalFiles} files, ${bytes}. ${this.paused || "Keep this page open until everything is sent."}`);
    }

    // Posts until it is answered; where the server is busy or away, after a pause.
    async post(url, body, type) {
      for (let tries = 1; ; tries += 1) {
        const response = await this.request(url, body, type);
        if (response?.ok) return response.json();
        const status = response?.status ?? 0;
        if (status === 413) throw new TooMuch();
        if (status === 401) throw new Stopped("You were signed out. Sign in in another tab, then reload this page and choose the files again.");
        const mayPass = status === 0 || status === 429 || status >= 500;
        if (!mayPass || tries === MOST_TRIES) throw new Stopped(await sentenceOf(response));
        await this.pause(response, tries);
      }
    }

    async request(url, body, type) {
      const headers = { "X-CSRFToken": this.token, Accept: "application/json" };
      if (type) headers["Content-Type"] = type;
      try {
        return await fetch(url, { method: "POST", body, headers, credentials: "same-origin" });
      } catch {
        return null; // no connection
      }
    }

    async pause(response, tries) {
      const asked = Number(response?.headers.get("Retry-After"));
      const seconds = asked > 0 ? asked : Math.min(2 ** tries, LONGEST_WAIT_S);
      this.paused = `${response ? "The server is busy" : "The server cannot be reached"}. Going on in ${seconds} seconds…`;
      if (this.totalFiles) this.tell();
      else this.say(this.paused);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      this.paused = "";
      if (this.totalFiles) this.tell();
    }
  }

  class TooMuch extends Error {}

  async function isReadable(file) {
    try {
      await file.slice(0, 1).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  async function sentenceOf(response) {
    if (!response) return "The server cannot be reached. Go on later: what was sent is safe.";
    try {
      return (await response.json()).error.message;
    } catch {
      return `The server answered with error ${response.status}. What was sent is safe.`;
    }
  }

  window.knowledge.Sender = Sender;
})();
