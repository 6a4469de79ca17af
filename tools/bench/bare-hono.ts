/** The smallest Hono app: what our size and our start are held against. */
import { Hono } from 'hono'

const app = new Hono()
app.get('/', (c) => c.text('ok'))

export default app
