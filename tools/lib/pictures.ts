/**
 * Sample screenshots, drawn on request: someone walks through a landscape as the video goes on.
 * The task decides on the colours and the hills, the offset on the sun and the walker; the same pair draws the same picture.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const WIDTH = 640
const HEIGHT = 360

/** Milliseconds in which the walker crosses the picture. */
const CROSSING_MS = 30_000

/** A picture of 16:9 as SVG. `offset` is in milliseconds. */
export function picture(task_id: string, offset: number) {
  const seed = createHash('sha256').update(task_id).digest()
  /** A number from 0 to 1 that is the task's own. */
  const own = (place: number) => seed.readUInt16BE(place * 2) / 0xffff
  const progress = (offset % CROSSING_MS) / CROSSING_MS
  const hue = Math.round(own(0) * 360)
  const colour = (turn: number, saturation: number, light: number) =>
    `hsl(${(hue + turn) % 360} ${saturation}% ${Math.round(light)}%)`
  const x = Math.round(WIDTH * (0.1 + 0.8 * progress))
  const sunX = Math.round(WIDTH * (0.85 - 0.7 * progress))
  const sunY = Math.round(HEIGHT * (0.42 - 0.28 * Math.sin(Math.PI * progress)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">
<defs><linearGradient id="sky" x2="0" y2="1">
<stop stop-color="${colour(0, 40, 58 - 14 * progress)}"/><stop offset="1" stop-color="${colour(35, 55, 82)}"/>
</linearGradient></defs>
<rect width="100%" height="100%" fill="url(#sky)"/>
<circle cx="${sunX}" cy="${sunY}" r="34" fill="${colour(60, 70, 92)}"/>
<path d="${hill(0.62, own(1), own(2))}" fill="${colour(20, 30, 48)}"/>
<path d="${hill(0.74, own(3), own(4))}" fill="${colour(40, 32, 32)}"/>
<g fill="${colour(180, 40, 58)}" transform="translate(${x} ${Math.round(HEIGHT * 0.86)})">
<circle cy="-56" r="19" fill="${colour(200, 45, 84)}"/><path d="M-34 54C-34-66 34-66 34 54Z"/>
</g>
</svg>
`
}

/** A hill line at a height from 0 (top) to 1, closed along the bottom. `left` and `right` bend it. */
function hill(height: number, left: number, right: number) {
  const y = (share: number) => Math.round(HEIGHT * share)
  const bend = (amount: number) => y(height - 0.22 + 0.4 * amount)
  return `M0 ${y(height)}C${WIDTH / 3} ${bend(left)} ${(WIDTH * 2) / 3} ${bend(right)} ${WIDTH} ${y(height)}V${HEIGHT}H0Z`
}

/** Serves `/<task_id>/<offset>.svg`. It is not listening yet. */
export function pictureServer() {
  return createServer((request, response) => {
    const [, task_id, offset] = /^\/([^/?]+)\/(\d+(?:\.\d+)?)\.svg(?:\?|$)/.exec(request.url ?? '') ?? []
    if (task_id === undefined || offset === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('A sample picture is at /<task_id>/<offset>.svg\n')
      return
    }
    response.writeHead(200, { 'content-type': 'image/svg+xml', 'cache-control': 'max-age=3600' })
    response.end(picture(task_id, Number(offset)))
  })
}
