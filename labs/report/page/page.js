
"use strict";
(() => {
  const steps = JSON.parse(document.getElementById("steps").textContent);
  const slider = document.getElementById("slider");
  const rows = document.querySelectorAll("[data-step]");
  const last = steps.length - 1;
  let at = -1; // the whole run is shown, and no step of it
  let predict = false; // the next step is asked for before it is shown
  let asking = false; // and this is being done

  // is tells whether step i is what a jump looks for.
  const is = {
    segment: (i) => steps[i].kind === "segment",
    drop: (i) => steps[i].lost === true,
    verdict: (i) => steps[i].kind === "verdict",
  };

  function find(what, from, way) {
    for (let i = from + way; i >= 0 && i <= last; i += way) {
      if (is[what](i)) return i;
    }
    return at;
  }

  // target is the step that a key or a button leads to.
  function target(where) {
    switch (where) {
      case "first": return 0;
      case "back": return at < 0 ? last : Math.max(0, at - 1);
      case "next": return Math.min(last, at + 1);
      case "last": return last;
      default: return find(where, at, 1);
    }
  }

  // machine lights the state that an end is in, and the edge that led to it.
  function machine(figure, end) {
    figure.querySelector(".state").textContent = end ? end.state : "";
    figure.querySelector(".detail").textContent = end ? end.about : "";
    figure.querySelector(".ss code").textContent = end ? end.ss : "";
    figure.querySelector(".rose").textContent = end ? end.rose : "";
    const taken = end && end.from ? end.from + ">" + end.state : "";
    let known = false;
    for (const edge of figure.querySelectorAll(".edge")) {
      const on = edge.dataset.edge === taken;
      edge.classList.toggle("now", on);
      known = known || on;
    }
    const middle = {};
    for (const node of figure.querySelectorAll(".node")) {
      node.classList.toggle("now", Boolean(end) && node.dataset.state === end.state);
      middle[node.dataset.state] = [Number(node.dataset.x), Number(node.dataset.y)];
    }
    const extra = figure.querySelector(".extra");
    extra.classList.toggle("now", taken !== "" && !known);
    if (taken !== "" && !known && middle[end.from] && middle[end.state]) {
      extra.firstElementChild.setAttribute("d", "M" + middle[end.from] + "L" + middle[end.state]);
    }
  }

  function fields(step) {
    const box = document.getElementById("fields");
    box.hidden = !step.fields;
    if (!step.fields) return;
    const table = box.querySelector("table");
    table.replaceChildren(...step.fields.map(([name, value]) => {
      const tr = document.createElement("tr");
      for (const text of [name, value]) {
        const td = document.createElement("td");
        td.textContent = text;
        tr.append(td);
      }
      return tr;
    }));
    box.querySelector("pre").textContent = step.hex || "";
  }

  // reveal scrolls to a row of the ladder. On a narrow screen the panel stays
  // above the ladder, and covers a part of it.
  function reveal(row) {
    const panel = document.querySelector("aside").getBoundingClientRect();
    const top = panel.left < row.right ? panel.height : 0;
    if (row.top < top + 30 || row.bottom > innerHeight - 30) {
      scrollBy(0, (row.top + row.bottom - top - innerHeight) / 2);
    }
  }

  function show(i, scroll) {
    if (!steps[i]) return; // there is none such, or none at all
    at = i;
    asking = false;
    const step = steps[i];
    slider.value = i;
    slider.setAttribute("aria-valuetext", "step " + (i + 1) + ": " + step.says);
    document.getElementById("count").textContent = (i + 1) + " of " + steps.length;
    document.getElementById("says").textContent = step.says;
    for (const row of rows) {
      const n = Number(row.dataset.step);
      row.classList.toggle("now", n === i);
      row.classList.toggle("later", n > i);
      if (n === i && scroll && row.ownerSVGElement && row.getClientRects().length > 0 && getComputedStyle(row.ownerSVGElement.parentElement).display !== "none") {
        reveal(row.getBoundingClientRect());
      }
    }
    for (const figure of document.querySelectorAll(".machine")) {
      machine(figure, step.ends.find((e) => e.host === figure.dataset.host));
    }
    fields(step);
    try {
      history.replaceState(null, "", "#" + (i + 1)); // a link to this step
    } catch { /* a browser may allow only so many in a while */ }
  }

  // ask puts the question whose answer is the next step. It reports whether there is one.
  function ask() {
    const next = steps[at + 1];
    if (!predict || asking || !next || !next.asks) return false;
    asking = true;
    document.getElementById("says").textContent = next.asks + " (→ shows it.)";
    return true;
  }

  // go does what a key or a button is for.
  function go(where) {
    if (where === "predict") {
      predict = !predict;
      document.getElementById("predict").setAttribute("aria-pressed", predict);
      document.body.classList.toggle("predict", predict);
      if (at < 0 && predict) show(0, true); // nothing is to be seen yet
      else if (asking) show(at, true);
      return;
    }
    if (where === "next" && ask()) return;
    show(where === "back" && asking ? at : target(where), true);
  }

  // linked shows the step that the address names, if it names one.
  function linked() {
    const n = Number(location.hash.slice(1));
    if (n >= 1 && n <= steps.length) show(n - 1, true);
  }

  const keys = {ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", s: "segment", d: "drop", v: "verdict", x: "predict"};
  addEventListener("keydown", (event) => {
    const where = keys[event.key];
    if (!where || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go(where);
  });
  slider.addEventListener("input", () => show(Number(slider.value), true));
  for (const button of document.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => go(button.dataset.go));
  }
  document.getElementById("predict").addEventListener("click", () => go("predict"));
  for (const row of rows) {
    row.addEventListener("click", () => show(Number(row.dataset.step), false));
  }
  addEventListener("hashchange", linked);
  linked();
})();
