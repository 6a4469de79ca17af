/** Files that go to browsers as they are: the rules of wrangler.toml bring them in as text. */
declare module '*.css' {
  const text: string
  export default text
}
declare module '*/browser.js' {
  const text: string
  export default text
}
