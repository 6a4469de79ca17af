/** Loaded into Wrangler: it and what it has started end with `npm start`, also when that was killed. */
const LOOK_MS = 500

const parent = process.ppid
setInterval(() => process.ppid === parent || process.kill(-process.pid, 'SIGKILL'), LOOK_MS).unref()
