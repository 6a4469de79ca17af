/** The secrets of every Worker that runs in the lab. */
export const SECRET = 'secret'
export const API_TOKEN = 'lab-token'
