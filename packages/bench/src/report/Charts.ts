/**
 * Charts of a result file as SVG: the medians of the scenarios that `Headlines` names, and every curve. Drawn by ECharts
 * without a browser. Each has colours for a light and for a dark surface, of which the viewer's setting decides.
 */
import { BarChart, LineChart } from "echarts/charts"
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components"
import * as echarts from "echarts/core"
import { SVGRenderer } from "echarts/renderers"
import type { Curve, Document, Scenario } from "./Document.js"
import * as Headlines from "./Headlines.js"
import * as Roles from "./Roles.js"
import { number } from "./Tables.js"

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

/** Each colour on a light surface, and what takes its place on a dark one. */
const colours = {
  surface: ["#fffffe", "#0d1117"],
  text: ["#1f2329", "#e6edf2"],
  quiet: ["#656d77", "#9198a2"],
  line: ["#d8dee5", "#30363e"],
  ours: ["#0a7f5a", "#3fb98a"],
  others: ["#5b7db8", "#7f9fd6"],
  floor: ["#a9b1ba", "#6e7782"],
  third: ["#b5651d", "#e0954f"],
  fourth: ["#8250df", "#b48bf5"]
} as const
const light = (name: keyof typeof colours): string => colours[name][0]

const dark = Object.values(colours)
  .map(([from, to]) => `[fill="${from}"]{fill:${to}}[stroke="${from}"]{stroke:${to}}`)
  .join("")

const width = 760
const font = "system-ui, sans-serif"

/** A chart and the name of its file. */
export interface Chart {
  readonly file: string
  readonly svg: string
}

export const all = (document: Document): ReadonlyArray<Chart> => [
  ...Headlines.scenarios(document).map(({ scenario, what }) => ({
    file: `${slug(scenario.name)}.svg`,
    svg: bars(scenario, what.replaceAll("`", ""))
  })),
  ...document.curves.map((curve) => ({ file: `${slug(curve.name)}.svg`, svg: lines(curve) }))
]

export const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")

const title = (text: string, subtext: string) => ({
  text,
  subtext,
  left: 12,
  top: 8,
  textStyle: { color: light("text"), fontSize: 15, fontFamily: font },
  subtextStyle: { color: light("quiet"), fontSize: 12, fontFamily: font }
})

const axisStyle = {
  axisLine: { lineStyle: { color: light("line") } },
  axisTick: { show: false },
  splitLine: { lineStyle: { color: light("line") } },
  axisLabel: { color: light("quiet"), fontFamily: font }
}

const bars = (scenario: Scenario, what: string): string => {
  const { floor, ours } = Roles.of(scenario)
  const rows = [
    ...scenario.figures.map(({ high, low, median, name }) => ({
      name,
      value: median,
      label: `${number(median)}  (${number(low)}–${number(high)})`
    })),
    ...(scenario.failed ?? []).map(({ name }) => ({ name: `${name}: failed`, value: null, label: "" }))
  ]
  const values = rows.flatMap(({ value }) => (value === null || value <= 0 ? [] : [value]))
  // Beside something a hundred times as long, a bar would not be seen.
  const isWide = Math.max(...values) > 100 * Math.min(...values)
  const colourOf = (name: string) => light(name === ours?.name ? "ours" : name === floor?.name ? "floor" : "others")
  return draw(110 + 34 * rows.length, {
    title: title(
      what,
      `${scenario.name}, ${scenario.unit}${isWide ? " (logarithmic)" : ""}: median (10th–90th percentile)`
    ),
    grid: { left: 250, right: 150, top: 64, bottom: 32 },
    xAxis: { type: isWide ? "log" : "value", ...axisStyle },
    yAxis: {
      type: "category",
      inverse: true,
      data: rows.map(({ name }) => name),
      ...axisStyle,
      axisLabel: { color: light("text"), fontFamily: font, width: 230, overflow: "break" }
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 20,
        data: rows.map(({ label, name, value }) => ({
          // A subject that failed has a place and no bar.
          value: value ?? "-",
          itemStyle: { color: colourOf(name) },
          label: { show: true, position: "right", formatter: label, color: light("text"), fontFamily: font }
        }))
      }
    ]
  })
}

const lineColours = [light("ours"), light("others"), light("third"), light("fourth"), light("floor")]

const lines = ({ axis, lines, name, unit }: Curve): string => {
  const values = lines.flatMap((line) => line.values.flatMap((value) => (value === null || value <= 0 ? [] : [value])))
  const isWide = Math.max(...values) > 20 * Math.min(...values)
  return draw(380, {
    title: title(name, `${unit}${isWide ? " (logarithmic)" : ""}, by ${axis.name}`),
    legend: { bottom: 6, itemGap: 40, textStyle: { color: light("text"), fontFamily: font } },
    grid: { left: 64, right: 32, top: 64, bottom: 72 },
    xAxis: { type: "category", data: axis.values.map((value) => value.toLocaleString("en")), ...axisStyle },
    yAxis: { type: isWide ? "log" : "value", ...axisStyle },
    series: lines.map((line, n) => {
      const color = lineColours[n % lineColours.length]
      return {
        type: "line",
        name: line.name,
        data: line.values.map((value) => value ?? "-"),
        symbol: "circle",
        symbolSize: 7,
        itemStyle: { color },
        lineStyle: { color, width: 2 }
      }
    })
  })
}

const draw = (height: number, option: Parameters<echarts.ECharts["setOption"]>[0]): string => {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height })
  try {
    chart.setOption({ animation: false, backgroundColor: light("surface"), ...option })
    const svg = chart.renderToSVGString()
    return `${stable(svg).replace(">", `><style>@media (prefers-color-scheme: dark){${dark}}</style>`)}\n`
  } finally {
    chart.dispose()
  }
}

/**
 * The same figures are to give the same file: names that are counted over all charts of a process go, with what a page
 * would need to follow the pointer.
 */
const stable = (svg: string): string =>
  svg
    .replace(/<style ?><!\[CDATA\[[^]*?\]\]>\s*<\/style>/g, "")
    .replace(/ (?:class="zr\d+-cls-\d+"|ecmeta_\w+="[^"]*"|pointer-events="visible")/g, "")
    .replace(/zr\d+-/g, "zr-")
