// Numbers and times as the reader's language writes them.
import { useEffect, useState } from 'react'

const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'long' })
const plain = new Intl.NumberFormat()
const one = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

export const when = (time: string | number) => date.format(new Date(time))
export const onDay = (time: string) => day.format(new Date(time))
export const atClock = (time: string) => clock.format(new Date(time))
const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })
export const percent = (n: number) => share.format(n)
export const number = (n: number) => plain.format(n)
export const milliseconds = (n: number) => `${one.format(n)} ms`

// The size of a file or of a log, in the unit that tells it shortest.
const short = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
export function bytes(n: number): string {
  const at = Math.min(short.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, n)) / 10)))
  return `${one.format(n / 2 ** (10 * at))} ${short[at]}`
}

// A span of time in days, or in hours where it is not whole days.
const dayCount = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'day', unitDisplay: 'long' })
const hourCount = new Intl.NumberFormat(undefined, { style: 'unit', unit: 'hour', unitDisplay: 'long', maximumFractionDigits: 1 })
export const days = (seconds: number) => (seconds % 86_400 === 0 ? dayCount.format(seconds / 86_400) : hourCount.format(seconds / 3600))

const units: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]]

export function ago(time: string | number, now: number): string {
  const seconds = Math.round((new Date(time).getTime() - now) / 1000)
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  return relative.format(0, 'second')
}

// useNow is the time, anew every few seconds while somebody looks.
export function useNow(every = 1000): number {
  const [now, set] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && set(Date.now()), every)
    return () => clearInterval(timer)
  }, [every])
  return now
}
