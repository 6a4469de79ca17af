/** Sample screenshots, drawn on request: the task decides on the colour, the offset on where the sun stands. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

/** Milliseconds in which the sun crosses the picture. */
const CROSSING_MS = 30_000

/** A picture of 16:9 as SVG. `offset` is in milliseconds. */
function picture(task_id: string, offset: number) {
  const hue = createHash('sha256').update(task_id).digest().readUInt16BE() % 360
  const x = Math.round(60 + (520 * (offset % CROSSING_MS)) / CROSSING_MS)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="640" height="360">
<rect width="640" height="360" fill="hsl(${hue} 45% 70%)"/>
<circle cx="${x}" cy="110" r="34" fill="hsl(50 80% 90%)"/>
<path d="M0 240C200 150 400 320 640 210V360H0Z" fill="hsl(${hue} 35% 40%)"/>
</svg>
`
}

/** Serves `/<task_id>/<offset>.svg`. It is not listening yet. */
export function pictureServer() {
  return createServer((request, response) => {
    const [, task_id, offset] = /^\/([^/?]+)\/(\d+(?:\.\d+)?)\.svg(?:\?|$)/.exec(request.url ?? '') ?? []
    if (task_id === undefined || offset === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'image/svg+xml', 'cache-control': 'max-age=3600' })
    response.end(picture(task_id, Number(offset)))
  })
}
