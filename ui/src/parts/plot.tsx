// What was measured over time. A gap is a gap: nobody knows what was there.
import { makeStyles, tokens } from '@fluentui/react-components'
import { useEffect, useMemo, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Schema } from '../api/client'
import { useTheme } from '../theme'

type Series = Schema['Series']
type Point = Schema['SeriesPoint']
export interface Line { title: string; value: (p: Point) => number | undefined; show: (n: number) => string; tone: 'brand' | 'bad' | 'calm'; whole?: boolean }

const tones = { brand: tokens.colorBrandStroke1, bad: tokens.colorPaletteRedBorderActive, calm: tokens.colorPalettePurpleBorderActive }
const useStyles = makeStyles({ box: { width: '100%', minHeight: '200px', overflow: 'hidden', '& .u-legend': { color: tokens.colorNeutralForeground1, fontSize: tokens.fontSizeBase200 } } })

// colour gives what a token of the theme is at this moment: a canvas knows no variables.
const colour = (box: HTMLElement, token: string) => getComputedStyle(box).getPropertyValue(token.slice(4, -1)).trim()

export default function Plot({ series, lines, label }: { series: Series; lines: Line[]; label: string }) {
  const styles = useStyles()
  const box = useRef<HTMLDivElement>(null)
  const { dark } = useTheme()
  const data = useMemo(() => {
    const step = series.step
    const first = Math.floor(new Date(series.from).getTime() / 1000)
    const last = Math.floor(new Date(series.to).getTime() / 1000)
    const known = new Map((series.points ?? []).map((p) => [Math.round((new Date(p.time).getTime() / 1000 - first) / step), p]))
    const times: number[] = []
    const values: (number | null)[][] = lines.map(() => [])
    for (let i = 0; first + i * step < last && i < 5000; i++) {
      times.push(first + i * step)
      const point = known.get(i)
      lines.forEach((line, n) => values[n]!.push((point && line.value(point)) ?? null))
    }
    return [times, ...values] as uPlot.AlignedData
  }, [series, lines])
  useEffect(() => {
    const at = box.current
    if (!at) return
    const ink = colour(at, tokens.colorNeutralForeground2)
    const grid = { stroke: colour(at, tokens.colorNeutralStroke2), width: 1 }
    const plot = new uPlot({
      width: at.clientWidth, height: 200, cursor: { drag: { x: false, y: false } }, legend: { live: true },
      scales: { y: { range: (_, min, max) => [Math.min(0, min ?? 0), Math.max(1, (max ?? 0) * 1.1)] } },
      axes: [{ stroke: ink, grid, ticks: grid }, { stroke: ink, grid, ticks: grid, size: 60, values: (_, ticks) => ticks.map((n) => (lines[0]!.whole && !Number.isInteger(n) ? '' : lines[0]!.show(n))) }],
      series: [{}, ...lines.map((line) => ({ label: line.title, stroke: colour(at, tones[line.tone]), width: 2, value: (_: uPlot, n: number | null) => (n === null ? '–' : line.show(n)), spanGaps: false, points: { show: data[0].length < 100 } }))],
    }, data, at)
    const watch = new ResizeObserver(() => plot.setSize({ width: at.clientWidth, height: 200 }))
    watch.observe(at)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  }, [data, lines, dark]) // a canvas is drawn anew in the colours of the other theme
  return <div ref={box} className={styles.box} role="img" aria-label={label} />
}
