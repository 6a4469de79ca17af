/** Sample screenshots, drawn on request: the task decides on the colour, and the offset is written on it. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

/** Serves `/<task_id>/<offset>.svg`, a picture of 16:9. It is not listening yet. */
export function pictureServer() {
  return createServer((request, response) => {
    const [, task_id, offset] = /^\/([^/?]+)\/(\d+(?:\.\d+)?)\.svg(?:\?|$)/.exec(request.url ?? '') ?? []
    if (task_id === undefined) return void response.writeHead(404).end()
    const hue = createHash('sha256').update(task_id).digest().readUInt16BE() % 360
    response.writeHead(200, { 'content-type': 'image/svg+xml', 'cache-control': 'max-age=3600' })
    response.end(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360" width="640" height="360">
<rect width="640" height="360" fill="hsl(${hue} 45% 70%)"/>
<text x="320" y="200" text-anchor="middle" font-family="sans-serif" font-size="64">${(Number(offset) / 1000).toFixed(1)} s</text>
</svg>
`)
  })
}
