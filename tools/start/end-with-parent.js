/** Loaded into Wrangler before it begins: it ends with `npm start`, also when that was killed and could not stop it. */
const LOOK_MS = 500

const parent = process.ppid
setInterval(() => process.ppid === parent || process.exit(), LOOK_MS).unref()
