// What the console does beyond links and forms. Everything works without it; it only saves clicks.
"use strict";

(function () {
  const THROTTLE_MS = 3000;
  let source = null;
  let waiting = null;

  // ── the queue asks again for its rows when incidents change ──────────────────────────────────────────────────────
  function refresh() {
    waiting = null;
    const queue = document.getElementById("queue");
    if (queue && document.visibilityState === "visible") window.htmx.trigger(queue, "refresh");
  }

  function changed() {
    if (!waiting) waiting = window.setTimeout(refresh, THROTTLE_MS * Math.random());
  }

  function listen(on) {
    const queue = document.getElementById("queue");
    if (source) { source.close(); source = null; }
    if (!on || !queue || !window.EventSource) return;
    source = new EventSource(queue.dataset.live);
    source.addEventListener("incidents", changed);
  }

  function liveSwitch() {
    const box = document.getElementById("live-on");
    if (!box) return;
    document.getElementById("live").hidden = false;
    box.addEventListener("change", function () { listen(box.checked); });
    listen(box.checked);
    window.addEventListener("pagehide", function () { listen(false); });
    window.addEventListener("pageshow", function (event) { if (event.persisted) listen(box.checked); });
    document.addEventListener("visibilitychange", function () { if (document.visibilityState === "visible") changed(); });
  }

  // ── j and k walk the rows, while the list has the focus ──────────────────────────────────────────────────────────
  function walk(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !["j", "k"].includes(event.key)) return;
    const here = event.target.closest("#queue td.what a");
    if (!here) return;
    const links = Array.from(document.querySelectorAll("#queue td.what a"));
    const next = links[links.indexOf(here) + (event.key === "j" ? 1 : -1)];
    if (next) { event.preventDefault(); next.focus(); }
  }

  // ── the timeline ─────────────────────────────────────────────────────────────────────────────────────────────────
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function shortened(text) {
    return text.length > 34 ? text.slice(0, 33) + "…" : text;
  }

  function timeline() {
    const place = document.getElementById("timeline");
    if (!place || !window.echarts) return;
    const rules = JSON.parse(place.dataset.chart).rules;
    if (!rules.length) return;
    place.classList.add("drawn");
    const narrow = place.clientWidth < 560;
    place.style.height = 70 + 34 * rules.length + "px";
    const locale = place.dataset.language === "fr" ? "fr-FR" : "en-GB";
    const from = Math.min.apply(null, rules.map(function (rule) { return rule.first; }));
    const to = Math.max.apply(null, rules.map(function (rule) { return rule.last; }));
    // Times come as those on the wall of the install, written as UTC: the browser's own zone must not matter.
    const oneDay = to - from < 86400000;
    const label = new Intl.DateTimeFormat(locale, oneDay ? { hour: "2-digit", minute: "2-digit", timeZone: "UTC" } : { day: "numeric", month: "short", hour: "2-digit", timeZone: "UTC" });
    const margin = Math.max((to - from) * 0.03, 30000);
    const series = [];
    rules.forEach(function (rule, row) {
      const own = colour("--" + rule.level) || colour("--ink");
      series.push({ type: "line", silent: true, symbol: "none", lineStyle: { width: 8, color: own, opacity: 0.35, cap: "round" }, data: [[rule.first, row], [Math.max(rule.last, rule.first + 1), row]] });
      series.push({ type: "scatter", symbol: "rect", symbolSize: [3, 16], itemStyle: { color: own }, data: rule.times.concat([rule.first, rule.last]).map(function (time) { return [time, row]; }) });
    });
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    chart.setOption({
      animation: false,
      useUTC: true,
      grid: { left: narrow ? 8 : 250, right: 16, top: 8, bottom: 28, containLabel: false },
      xAxis: { type: "time", min: from - margin, max: to + margin, splitNumber: narrow ? 3 : 6, axisLabel: { color: colour("--quiet"), hideOverlap: true, formatter: function (value) { return label.format(new Date(value)); } }, splitLine: { show: true, lineStyle: { color: colour("--line") } } },
      yAxis: { type: "category", inverse: true, data: rules.map(function (rule) { return rule.title; }), axisTick: { show: false }, axisLine: { show: false }, axisLabel: { show: !narrow, color: colour("--ink"), formatter: shortened } },
      tooltip: { renderMode: "richText", confine: true, formatter: function (point) { return rules[point.data[1]].title + "\n" + new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "medium", timeZone: "UTC" }).format(new Date(point.data[0])); } },
      series: series,
    });
    window.addEventListener("resize", function () { chart.resize(); });
  }

  document.addEventListener("keydown", walk);
  liveSwitch();
  timeline();
})();
