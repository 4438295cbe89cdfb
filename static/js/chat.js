// The chat page: the composer, the answer that arrives piece by piece, sources and the drawer.
(() => {
  "use strict";

  const chat = document.querySelector(".chat");
  const composer = document.getElementById("composer");
  const query = document.getElementById("query");
  const error = document.getElementById("composer-error");
  const count = document.getElementById("composer-count");
  const send = composer.querySelector("[type=submit]");
  const stop = composer.querySelector("[data-stop]");
  const scroller = document.querySelector("[data-thread-scroll]");
  const thread = document.getElementById("thread");
  const down = document.querySelector("[data-thread-down]");
  const limit = Number(query.dataset.limit);
  const COUNT_FROM = 0.8; // of the limit
  const POLL_MS = 1500;
  const REOPEN_MS = 3000;

  // --- composer -----------------------------------------------------------------------------
  function fit() {
    if (!CSS.supports("field-sizing", "content")) {
      query.style.height = "auto";
      query.style.height = `${query.scrollHeight}px`;
    }
    const length = [...query.value].length;
    count.hidden = length < limit * COUNT_FROM;
    count.textContent = `${length} / ${limit}`;
    count.classList.toggle("is-over", length > limit);
    error.textContent = length > limit ? `A question has at most ${limit} characters.` : "";
    send.disabled = length > limit;
  }

  function fill(text) {
    query.value = text;
    fit();
    query.focus();
    query.setSelectionRange(text.length, text.length);
  }

  query.addEventListener("input", fit);
  query.addEventListener("keydown", (event) => {
    // An Enter that ends the composition of a character (Japanese, say) is not a send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (query.value.trim() && !send.disabled) composer.requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable], dialog");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    query.focus();
  });

  composer.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target !== composer) return;
    error.textContent = "";
    busy(true);
  });
  composer.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== composer) return;
    if (event.detail.successful) fill("");
    else {
      busy(false);
      query.focus();
    }
  });

  function busy(now) {
    query.disabled = now;
    send.hidden = now;
    stop.hidden = !now;
  }

  // --- following the answer while it grows, until its question reaches the top -----------------
  const EDGE_PX = 60;
  let following = true;
  const distance = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  scroller.addEventListener("wheel", () => { following = distance() < EDGE_PX; }, { passive: true });
  scroller.addEventListener("touchmove", () => { following = false; }, { passive: true });
  scroller.addEventListener("scroll", () => { down.hidden = distance() < 4 * EDGE_PX; });
  function follow(force = false) {
    if (force) following = true;
    if (!following) return;
    const questions = thread.querySelectorAll(".question");
    const last = questions[questions.length - 1];
    const top = last ? last.offsetTop - thread.offsetTop - 24 : 0;
    const end = scroller.scrollHeight - scroller.clientHeight;
    scroller.scrollTop = Math.max(scroller.scrollTop, Math.min(end, top));
  }
  down.addEventListener("click", () => {
    scroller.scrollTop = scroller.scrollHeight;
  });

  // --- streaming ------------------------------------------------------------------------------
  // One answer at a time: {article, source}.
  let current = null;

  function start(article) {
    if (current) return;
    const source = new EventSource(article.dataset.stream);
    current = { article, source };
    busy(true);
    const text = article.querySelector("[data-answer-text]");
    const state = article.querySelector("[data-answer-state]");
    source.addEventListener("state", (event) => {
      state.textContent = JSON.parse(event.data).text;
      follow();
    });
    source.addEventListener("answer", (event) => {
      text.innerHTML = JSON.parse(event.data).html;
      follow();
    });
    source.addEventListener("final", (event) => {
      finish(article, JSON.parse(event.data).html);
    });
    source.addEventListener("error", () => {
      // A broken connection is opened anew by the browser, and the server never answers twice;
      // a refused one, of a server with too much to do, is closed and has to be asked for again.
      if (source.readyState !== EventSource.CLOSED) state.textContent = "The connection broke. Trying again";
      else poll(article);
    });
  }

  function finish(article, html) {
    current?.source.close();
    current = null;
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    const done = parsed.content.querySelector("article");
    article.replaceWith(done);
    window.htmx.process(done);
    prepare(done);
    busy(false);
    follow();
    if (document.activeElement === document.body || document.activeElement === stop) query.focus();
  }

  function reopen(article) {
    if (current?.article !== article || article.dataset.stopped) return;
    current = null;
    start(article);
  }

  // After a stop, or when the stream can't be had: ask for the message. One that is not settled is
  // asked for again, or, unless it was stopped, its stream: nobody else might be writing it.
  async function poll(article) {
    try {
      const answer = await fetch(article.dataset.final, { headers: { "HX-Request": "true" } });
      if (answer.headers.has("HX-Redirect")) return void location.assign(answer.headers.get("HX-Redirect"));
      if (answer.status === 404) return void location.assign(composer.dataset.home);
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (!html.includes("data-stream=")) return void finish(article, html);
    } catch {
      article.querySelector("[data-answer-state]").textContent =
        "The server is busy or cannot be reached. Trying again";
    }
    if (article.dataset.stopped) setTimeout(poll, POLL_MS, article);
    else setTimeout(reopen, REOPEN_MS * (1 + Math.random()), article); // not all at the same moment
  }

  stop.addEventListener("click", () => {
    if (!current) return;
    current.article.dataset.stopped = "1";
    current.source.close(); // the server notices, and ends the model's call
    current.article.querySelector("[data-answer-state]").textContent = "Stopping";
    stop.hidden = true;
    setTimeout(poll, 150, current.article);
  });

  // --- sources, copying, suggestions ------------------------------------------------------------
  function prepare(root) {
    for (const passage of root.querySelectorAll("[data-passage]")) {
      const more = passage.parentElement.querySelector("[data-expand]");
      more.hidden = passage.scrollHeight <= passage.clientHeight + 2 && !passage.matches(".is-open");
    }
  }
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.considered[open]")) prepare(event.target);
  }, true);

  chat.addEventListener("click", async (event) => {
    const suggestion = event.target.closest("[data-suggestion]");
    if (suggestion) fill(suggestion.dataset.suggestion);
    // Nothing is kept yet of a conversation that has not begun.
    if (event.target.closest("[data-dismiss-narrowing]")) {
      document.getElementById("narrowed").replaceChildren();
      query.focus();
    }
    const more = event.target.closest("[data-expand]");
    if (more) {
      const open = more.parentElement.querySelector("[data-passage]").classList.toggle("is-open");
      more.setAttribute("aria-expanded", String(open));
      more.textContent = open ? "Show less" : "Show all of it";
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) await copyAnswer(copy.closest(".answer").querySelector("[data-copy-source]"));
  });

  async function copyAnswer(source) {
    // The numbers of the citations mean nothing elsewhere.
    const plain = source.cloneNode(true);
    plain.querySelectorAll(".citation").forEach((citation) => citation.replaceWith(`[${citation.textContent}]`));
    plain.className = "visually-hidden";
    document.body.append(plain);
    const text = plain.innerText;
    plain.remove();
    try {
      await navigator.clipboard.writeText(text);
      window.knowledge.notify("Copied.", "success");
    } catch {
      // Over plain HTTP a browser has no clipboard for scripts: select it for Ctrl+C.
      window.getSelection().selectAllChildren(source);
      window.knowledge.notify("The answer is selected: copy it with Ctrl+C.");
    }
  }

  // --- the drawer of a phone --------------------------------------------------------------------
  const drawer = document.getElementById("conversations");
  const opener = document.querySelector("[data-open-drawer]");
  function toggleDrawer(open) {
    chat.classList.toggle("drawer-open", open);
    opener.setAttribute("aria-expanded", String(open));
    (open ? drawer.querySelector("a, button") : opener).focus();
  }
  opener.addEventListener("click", () => toggleDrawer(true));
  document.querySelectorAll("[data-close-drawer]").forEach((closer) => {
    closer.addEventListener("click", () => toggleDrawer(false));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && chat.matches(".drawer-open")) toggleDrawer(false);
  });

  // --- whatever comes in, now or by htmx ----------------------------------------------------------
  document.addEventListener("htmx:load", (event) => {
    const arrived = event.detail.elt;
    const open = arrived.matches("[data-stream]") ? arrived : arrived.querySelector("[data-stream]");
    if (open) {
      start(open);
      follow(true);
    }
    prepare(arrived);
  });
  fit();
  follow(true);
})();
