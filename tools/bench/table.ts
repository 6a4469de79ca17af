/** The figures as a table: medians, with the least and the most of the rounds behind them. */
import { markdownTable } from 'markdown-table'
import type { Spread } from '../lib/stats.ts'
import { type Figure, missedBy } from './figures.ts'

const HEAD = ['figure', 'ours', 'compared with', 'ratio', 'target', '']

export const table = (figures: readonly Figure[]): string =>
  markdownTable([HEAD, ...figures.map(cells)], { align: ['l', 'r', 'r', 'r', 'r', 'l'] })

function cells(figure: Figure): string[] {
  const { name, unit, ours, reference, ratio, target } = figure
  const wanted = target && ('atMost' in target ? `at most ${target.atMost}` : `at least ${target.atLeast}`)
  return [
    name,
    `${spread(ours)} ${unit}`,
    reference ? `${spread(reference)} ${unit}` : '',
    ratio && Number.isFinite(ratio.median) ? spread(ratio) : '',
    wanted ?? '',
    verdict(missedBy(figure)),
  ]
}

function verdict(missed: number | undefined): string {
  if (missed === undefined) return ''
  return missed === 0 ? 'met' : `MISSED by ${(missed * 100).toFixed(missed < 0.1 ? 1 : 0)} %`
}

const spread = ({ median, least, most }: Spread) =>
  least === most ? short(median) : `${short(median)} (${short(least)} to ${short(most)})`

/** Three digits. */
const short = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))
