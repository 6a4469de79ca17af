/** Where in the video the pictures were taken. No offsets, no line. */
import { minutes, plural } from './words.ts'

const MOST_DOTS = 400

export function TimeLine({ offsets }: { offsets: readonly (number | undefined)[] }) {
  const known = offsets.filter((offset) => offset !== undefined && Number.isFinite(offset) && offset >= 0) as number[]
  if (known.length === 0) return <></>
  const [least, most] = known.reduce(([low, high], at) => [Math.min(low, at), Math.max(high, at)], [Infinity, 0])
  const places = new Set(known.map((at) => (most === 0 ? 0 : Math.round((at / most) * 10_000) / 100)))
  return (
    <svg
      class="time"
      role="img"
      aria-label={`${plural(known.length, 'picture')}, ${minutes(least)} to ${minutes(most)}`}
    >
      <line x1="0" x2="100%" y1="12" y2="12" />
      {[...places].slice(0, MOST_DOTS).map((place) => (
        <circle cx={`${place}%`} cy="12" r="5" />
      ))}
    </svg>
  )
}
