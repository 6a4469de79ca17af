/** Files that the rules of wrangler.toml bring in as text. */
declare module '*.sql' {
  const text: string
  export default text
}
declare module '*.css' {
  const text: string
  export default text
}
declare module '*/browser.js' {
  const text: string
  export default text
}
