/** The CallbackSecret of every receiver that is measured here. */
export const SECRET = 'secret'
