"use strict";
/* The sliders of a report. What the filter and the aggregation rules make of the scores is looked up in tables that
   notebook/explorer.py computed; metrics and ROC curves repeat metrics.py number by number
   (tests/notebook/test_explorer.py compares them all). Then come the drawings. Text from the data only ever becomes text nodes. */
(() => {
  const ARMS = ["original", "roi", "roi_filtered"];
  const NAMES = {
    original: "Whole slices", roi: "ROI patch", roi_filtered: "ROI patch, median filter",
  };
  const SIX = ["accuracy", "recall", "precision", "specificity", "npv", "f1"];

  /* ---- numbers ---- */

  const decide = (scores, threshold) => scores.map((score) => (score >= threshold ? 1 : 0));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const ratio = (part, whole) => (whole > 0 ? part / whole : NaN);

  function confusion(labels, decisions) {
    const counts = { tp: 0, fp: 0, tn: 0, fn: 0 };
    labels.forEach((label, k) => { counts[(label === decisions[k] ? "t" : "f") + (decisions[k] ? "p" : "n")] += 1; });
    return counts;
  }

  function sixMetrics({ tp, fp, tn, fn }) {
    return {
      accuracy: ratio(tp + tn, tp + tn + fp + fn), recall: ratio(tp, tp + fn), precision: ratio(tp, tp + fp),
      specificity: ratio(tn, tn + fp), npv: ratio(tn, tn + fn), f1: ratio(2 * tp, 2 * tp + fp + fn),
    };
  }

  function roc(labels, scores) { // a point per distinct score, from the highest down; the area by trapezoids
    const positive = labels.reduce((sum, label) => sum + label, 0), negative = labels.length - positive;
    if (!positive || !negative) return { points: [], auc: NaN };
    const order = labels.map((_, k) => k).sort((a, b) => scores[b] - scores[a]);
    const points = [[0, 0]];
    let tp = 0, fp = 0, auc = 0;
    order.forEach((row, k) => {
      if (labels[row]) tp += 1; else fp += 1;
      if (k + 1 < order.length && scores[order[k + 1]] === scores[row]) return;
      const [x, y] = points[points.length - 1], next = [fp / negative, tp / positive];
      auc += (next[0] - x) * (next[1] + y) / 2;
      points.push(next);
    });
    return { points, auc };
  }

  function meanSd(values) { // folds in which a value is not defined are left out
    const kept = values.filter((value) => !Number.isNaN(value));
    const centre = kept.length ? mean(kept) : NaN;
    const squares = kept.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    return [centre, kept.length > 1 ? Math.sqrt(squares / (kept.length - 1)) : NaN];
  }

  function follow(course, settings, rules) {
    const { original, roi } = course.score, size = settings.median_size, filteredScore = course.filtered_score[size];
    const below = course.levels.filter((level) => level < settings.slice_threshold).length;
    const subjects = Object.fromEntries(rules.map(({ name, threshold }) => {
      const score = course.subject_scores[name][size][below];
      return [name, { score, decision: score >= (threshold ?? settings.subject_threshold) ? 1 : 0 }];
    }));
    return {
      fold: course.fold, subject_id: course.subject, group: course.group, slice_index: course.slice_index, label: course.label,
      original: { decision: decide(original, settings.slice_threshold), score: original },
      roi: { decision: decide(roi, settings.slice_threshold), score: roi },
      roi_filtered: { decision: decide(filteredScore, settings.slice_threshold), score: filteredScore },
      ill: course.group === "axSpA" ? 1 : 0, subjects, subject: subjects[rules[0].name],
    };
  }

  function rows(courses, name) { // labels, decisions and scores of slices (or subjects) of some courses
    if (ARMS.includes(name)) {
      return {
        labels: courses.flatMap((course) => course.label),
        decisions: courses.flatMap((course) => course[name].decision),
        scores: courses.flatMap((course) => course[name].score),
      };
    }
    return {
      labels: courses.map((course) => course.ill),
      decisions: courses.map((course) => course.subjects[name].decision),
      scores: courses.map((course) => course.subjects[name].score),
    };
  }

  function summarise(courses, folds, name, graded) {
    const perFold = folds.map((fold) => {
      const { labels, decisions, scores } = rows(courses.filter((course) => course.fold === fold), name);
      const curve = roc(labels, scores), counts = confusion(labels, decisions), metrics = sixMetrics(counts);
      return { fold, curve, metrics, point: [1 - metrics.specificity, metrics.recall] };
    });
    const table = Object.fromEntries(SIX.map((metric) => [
      metric, meanSd(perFold.map((one) => one.metrics[metric])).map((value) => 100 * value),
    ]));
    if (graded) table.auc = meanSd(perFold.map((one) => one.curve.auc)); // a yes or no has no curve
    const all = rows(courses, name);
    return { table, perFold, counts: confusion(all.labels, all.decisions) };
  }

  function evaluate(data, settings) {
    const courses = data.courses.map((course) => follow(course, settings, data.rules));
    const folds = [...new Set(data.courses.map((course) => course.fold))];
    const graded = [...ARMS.map((arm) => [arm, true]), ...data.rules.map(({ name, threshold }) => [name, threshold === null])];
    const results = Object.fromEntries(graded.map(([name, score]) => [name, summarise(courses, folds, name, score)]));
    return { courses, results: { ...results, subject: results[data.rules[0].name] } };
  }

  /* ---- drawing ---- */

  const INK = "#1c2329", SOFT = "#4a5560", LINE = "#d8dee4", BLUE = "#0072B2", VERMILION = "#D55E00", GREY = "#5A5A5A";
  const FOLDS = [BLUE, "#B87A00", "#007A5A", VERMILION, "#A8518A", "#2B7FB0", GREY];
  const DASHES = ["", "6 3", "2 3", "8 3 2 3", "10 4", "4 4", "1 4"];

  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    node.append(...children);
    return node;
  }

  function shape(parent, name, attributes, text) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }

  function drawing(place, width, height, description) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", description);
    svg.style.maxWidth = `${width}px`;
    place.replaceChildren(svg);
    return svg;
  }

  const digits = (value, places) => (Number.isNaN(value) ? "–" : value.toFixed(places));
  const percent = (value) => (Number.isNaN(value) ? "–" : `${value.toFixed(1)}%`);

  function widthOf(place) {
    return Math.round(Math.min(Math.max(place.clientWidth, 260), 620));
  }

  function drawCourse(place, course, settings) {
    const width = widthOf(place), panel = 130, left = 62, right = 10, top = 24, gap = 46;
    const wrong = (part) => course[part].decision.filter((value, k) => value !== course.label[k]).length;
    const svg = drawing(place, width, 2 * panel + gap + top + 40,
      `Slice results of subject ${course.subject_id}, fold ${course.fold}: ${wrong("roi")} of ${course.label.length} ` +
      `misclassified before and ${wrong("roi_filtered")} after the median filter.`);
    const places = course.slice_index, first = places[0], last = places[places.length - 1];
    const x = (index) => left + (width - left - right) * (first === last ? .5 : (index - first) / (last - first));
    ["roi", "roi_filtered"].forEach((part, number) => {
      const start = top + number * (panel + gap), y = (value) => start + panel - 8 - value * (panel - 16);
      const { decision, score } = course[part];
      shape(svg, "text", { x: left, y: start - 7, fill: INK, "font-weight": 600 },
        number ? `median of ${settings.median_size} slices` : "before filtering");
      shape(svg, "path", { d: `M${left} ${start}V${start + panel}H${width - right}`, fill: "none", stroke: SOFT });
      ["negative", "positive"].forEach((word, value) => shape(svg, "text",
        { x: left - 6, y: y(value) + 4, "text-anchor": "end", fill: SOFT }, word));
      if (!number) {
        const line = y(settings.slice_threshold);
        shape(svg, "path", { d: `M${left} ${line}H${width - right}`, stroke: GREY, "stroke-dasharray": "2 4" });
        shape(svg, "path", { d: "M" + score.map((value, k) => `${x(places[k])} ${y(value)}`).join("L"), fill: "none", stroke: GREY });
        score.forEach((value, k) => shape(svg, "circle", { cx: x(places[k]), cy: y(value), r: 2, fill: GREY }));
      }
      let path = `M${x(places[0])} ${y(decision[0])}`;
      decision.forEach((value, k) => {
        if (k) path += `H${(x(places[k - 1]) + x(places[k])) / 2}V${y(value)}H${x(places[k])}`;
      });
      shape(svg, "path", { d: path, fill: "none", stroke: BLUE, "stroke-width": 2 });
      decision.forEach((value, k) => {
        if (value === course.label[k]) return;
        const cx = x(places[k]), cy = y(value);
        shape(svg, "path", { d: `M${cx - 5} ${cy - 5}l10 10m0 -10l-10 10`, stroke: VERMILION, "stroke-width": 2.5 });
      });
      [...new Set([first, Math.round((first + last) / 2), last])].forEach((index) => shape(svg, "text",
        { x: x(index), y: start + panel + 15, "text-anchor": "middle", fill: SOFT }, String(index)));
    });
    const foot = 2 * panel + gap + top + 34;
    const key = shape(svg, "text", { x: left, y: foot, fill: SOFT });
    [["━ ", BLUE], ["result  ", SOFT], ["─ ", GREY], ["score  ", SOFT], ["✕ ", VERMILION], ["misclassified", SOFT]].forEach(
      ([text, colour]) => shape(key, "tspan", { fill: colour, "xml:space": "preserve" }, text));
  }

  function drawRoc(place, result, what) {
    const full = Math.min(widthOf(place), 420), left = 46, bottom = 42, side = full - left - 12;
    const height = side + bottom + 12, x = (value) => left + value * side, y = (value) => 12 + (1 - value) * side;
    const [centre] = meanSd(result.perFold.map((one) => one.curve.auc));
    const svg = drawing(place, full, height, `ROC curves of the ${what}, mean AUC ${digits(centre, 3)}; mean recall ` +
      `${percent(result.table.recall[0])} and specificity ${percent(result.table.specificity[0])} at the operating points.`);
    [0, .25, .5, .75, 1].forEach((value) => {
      shape(svg, "path", { d: `M${x(value)} ${y(0)}V${y(1)}M${x(0)} ${y(value)}H${x(1)}`, stroke: LINE });
      if (value === .25 || value === .75) return;
      shape(svg, "text", { x: x(value), y: y(0) + 16, "text-anchor": "middle", fill: SOFT }, String(value));
      shape(svg, "text", { x: left - 6, y: y(value) + 4, "text-anchor": "end", fill: SOFT }, String(value));
    });
    shape(svg, "path", { d: `M${x(0)} ${y(0)}L${x(1)} ${y(1)}`, stroke: GREY, "stroke-dasharray": "2 4" });
    shape(svg, "text", { x: x(.5), y: height - 6, "text-anchor": "middle", fill: SOFT }, "1 − specificity");
    shape(svg, "text", { x: 12, y: y(.5), "text-anchor": "middle", fill: SOFT, transform: `rotate(-90 12 ${y(.5)})` }, "recall");
    result.perFold.forEach(({ fold, curve }, k) => {
      const colour = FOLDS[k % FOLDS.length];
      if (curve.points.length) {
        shape(svg, "path", {
          d: "M" + curve.points.map(([fpr, tpr]) => `${x(fpr)} ${y(tpr)}`).join("L"), fill: "none", stroke: colour,
          "stroke-width": 1.8, "stroke-dasharray": DASHES[k % DASHES.length],
        });
      }
      const line = y(0) - 12 - 17 * (result.perFold.length - 1 - k);
      shape(svg, "path", { d: `M${x(.42)} ${line - 4}h24`, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": DASHES[k % DASHES.length] });
      shape(svg, "text", { x: x(.42) + 30, y: line, fill: INK }, `fold ${fold}: AUC ${digits(curve.auc, 3)}`);
    });
    result.perFold.forEach(({ fold, point: [fpr, tpr] }, k) => {
      if (Number.isNaN(fpr) || Number.isNaN(tpr)) return;
      shape(svg, "circle", {
        cx: x(fpr), cy: y(tpr), r: 6, fill: FOLDS[k % FOLDS.length], stroke: "#fff", "stroke-width": 1.5,
        "data-fold": fold, "data-fpr": fpr, "data-tpr": tpr,
      });
    });
  }

  const titleOf = (name, rules) => {
    const title = NAMES[name] ?? rules.find((rule) => rule.name === name).title;
    return title[0].toUpperCase() + title.slice(1);
  };

  function fillTable(table, names, results, data) {
    const head = element("tr", {}, element("td"), ...names.map((name) => element("th", { scope: "col" }, titleOf(name, data.rules))));
    const body = data.metrics.map(([metric, title]) => {
      const cells = names.map((name) => {
        const [centre, spread] = results[name].table[metric] ?? [NaN, NaN], places = metric === "auc" ? 3 : 2;
        const cell = element("td", { "data-key": `${name}.${metric}`, "data-mean": centre, "data-sd": spread });
        cell.append(Number.isNaN(centre) ? "–" : `${digits(centre, places)} ± ${digits(spread, places)}`);
        const paper = data.paper[name]?.[metric];
        if (paper) cell.append(element("small", {}, `paper ${digits(paper[0], places)} ± ${digits(paper[1], places)}`));
        return cell;
      });
      return element("tr", {}, element("th", { scope: "row" }, title), ...cells);
    });
    table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
  }

  function fillMatrices(place, results) {
    const shown = [["roi", "Slices before the filter"], ["roi_filtered", "Slices after the filter"], ["subject", "Subjects"]];
    const count = (name, kind) => element("td", {
      class: kind.startsWith("t") ? "right" : "wrong", "data-key": `confusion.${name}.${kind}`,
    }, String(results[name].counts[kind]));
    place.replaceChildren(...shown.map(([name, title]) => element("table", {},
      element("caption", {}, title),
      element("thead", {}, element("tr", {}, element("td"), element("th", { scope: "col" }, "called positive"), element("th", { scope: "col" }, "called negative"))),
      element("tbody", {},
        element("tr", {}, element("th", { scope: "row" }, name === "subject" ? "axSpA" : "edema"), count(name, "tp"), count(name, "fn")),
        element("tr", {}, element("th", { scope: "row" }, name === "subject" ? "control" : "no edema"), count(name, "fp"), count(name, "tn"))))));
  }

  function missedText(courses) {
    const missed = courses.filter(({ ill, subject }) => ill !== subject.decision);
    if (!missed.length) return "No subject is misdiagnosed.";
    const some = missed.slice(0, 8).map((course) => `${course.subject_id} (fold ${course.fold}, score ${course.subject.score.toFixed(2)})`);
    const more = missed.length > some.length ? ` and ${missed.length - some.length} more` : "";
    return `Misdiagnosed: ${some.join(", ")}${more}.`;
  }

  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  function start(section) {
    const data = JSON.parse(section.querySelector(".explorer-data").textContent);
    const find = (selector) => section.querySelector(selector);
    const sliders = [...section.querySelectorAll("input[data-setting]")], choice = find("select");
    let settings = { ...data.settings, course: data.start };
    const sizeSlider = find('input[data-setting="median_size"]');
    find('input[data-setting="subject_threshold"]').disabled = data.rules[0].threshold !== null; // a yes or no has its own
    Object.assign(sizeSlider, { min: 0, max: data.sizes.length - 1, step: 1 });
    choice.append(...data.courses.map((course, k) => element("option", { value: k }, `${course.subject}, ${course.group}, fold ${course.fold}`)));

    const worded = (name) => (name === "median_size" ? plural(settings[name], "slice") : String(Number(settings[name].toFixed(4))));

    function place() { // put the sliders where the settings are
      sliders.forEach((slider) => {
        const name = slider.dataset.setting;
        slider.value = name === "median_size" ? data.sizes.indexOf(settings[name]) : settings[name];
      });
      choice.value = settings.course;
    }

    function show() {
      const { courses, results } = evaluate(data, settings), course = courses[settings.course];
      sliders.forEach((slider) => {
        const name = slider.dataset.setting;
        find(`[data-output="${name}"]`).textContent = worded(name);
        slider.setAttribute("aria-valuetext", worded(name));
      });
      const own = Object.keys(data.settings).every((name) => settings[name] === data.settings[name]);
      const accuracy = (name) => percent(results[name].table.accuracy[0]);
      find(".summary").textContent = `${own ? "The study's own settings" : "Other settings than the study's"}: filter ${worded("median_size")}, ` +
        `slice threshold ${worded("slice_threshold")}, subject threshold ${worded("subject_threshold")}. Slice accuracy with ROI patches ` +
        `${accuracy("roi")} before and ${accuracy("roi_filtered")} after the filter; subject accuracy ${accuracy("subject")}.`;
      drawCourse(find('[data-drawing="course"]'), course, settings);
      find('[data-text="course"]').textContent = `Subject score ${course.subject.score.toFixed(2)}: called ` +
        `${course.subject.decision ? "positive" : "negative"}, is ${course.group}.`;
      fillMatrices(find('[data-table="confusion"]'), results);
      find('[data-text="missed"]').textContent = missedText(courses);
      fillTable(find('[data-table="slices"]'), ARMS, results, data);
      fillTable(find('[data-table="subjects"]'), data.rules.map(({ name }) => name), results, data);
      drawRoc(find('[data-drawing="roc-slices"]'), results.roi_filtered, "slices after the median filter");
      drawRoc(find('[data-drawing="roc-subjects"]'), results.subject, "subjects");
    }

    sliders.forEach((slider) => slider.addEventListener("input", () => {
      const name = slider.dataset.setting, value = Number(slider.value);
      settings = { ...settings, [name]: name === "median_size" ? data.sizes[value] : value };
      show();
    }));
    choice.addEventListener("change", () => { settings = { ...settings, course: Number(choice.value) }; show(); });
    find(".reset").addEventListener("click", () => { settings = { ...data.settings, course: settings.course }; place(); show(); });
    find(".explorer-absent").hidden = true;
    find(".explorer-body").hidden = false;
    window.addEventListener("resize", show);
    place();
    show();
  }

  document.querySelectorAll(".explorer").forEach(start);
})();
