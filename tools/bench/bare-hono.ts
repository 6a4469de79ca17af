/** The smallest Hono app: our size and our start are compared with its. */
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (c) => c.text('ok'))

export default app
