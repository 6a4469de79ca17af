// What the pages do better with JavaScript; each of them works without.
const all = (selector) => [...document.querySelectorAll(selector)]
const make = (name, text, properties) =>
  Object.assign(document.createElement(name), { textContent: text ?? '' }, properties)

// A picture that cannot be loaded says so, in the place that it had.
const showFailure = ({ target }) => {
  if (target.dataset?.host) target.replaceWith(make('span', 'Could not be loaded'), make('code', target.dataset.host))
}
document.addEventListener('error', showFailure, true)
for (const target of all('.frame img')) if (target.complete && target.naturalWidth === 0) showFailure({ target })

// The large view: arrows lead from one to the next, Esc closes, and the focus returns to the frame.
const frames = all('.sheet a.frame')
if (frames.length > 0) {
  const view = make('dialog', '', { ariaLabel: 'Large view' })
  const position = make('span')
  const original = make('a', 'Open original', { target: '_blank', rel: 'noreferrer' })
  const close = make('button', 'Close', { type: 'button' })
  const before = make('button', 'Previous', { type: 'button' })
  const after = make('button', 'Next', { type: 'button' })
  const line = make('p')
  line.append(before, position, after, original, close)
  view.append(line)
  document.body.append(view)
  let at = 0
  const show = (to) => {
    at = Math.min(Math.max(to, 0), frames.length - 1)
    const { large, index, host, alt } = frames[at].dataset
    const image = make('img', '', { alt, src: large })
    image.dataset.host = host
    while (view.firstChild !== line) view.firstChild.remove()
    view.prepend(image)
    position.textContent = index
    original.href = frames[at].href
  }
  frames.forEach((frame, number) =>
    frame.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      show(number)
      view.showModal()
      close.focus()
    }),
  )
  before.addEventListener('click', () => show(at - 1))
  after.addEventListener('click', () => show(at + 1))
  close.addEventListener('click', () => view.close())
  view.addEventListener('click', (event) => event.target === view && view.close())
  view.addEventListener('close', () => frames[at].focus())
  view.addEventListener('keydown', ({ key }) => {
    if (key === 'ArrowLeft') show(at - 1)
    if (key === 'ArrowRight') show(at + 1)
  })
}

// Moments in the reader's own time zone, beside UTC.
for (const time of all('time')) {
  const own = new Date(time.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'long' })
  time.title = own + ' · ' + time.title
}

// What came since, in words: no row moves by itself.
for (const link of all('[data-newer-than]')) {
  const look = async () => {
    if (document.hidden) return
    const response = await fetch(link.dataset.newerThan, { headers: { accept: 'application/json' } })
    if (!response.ok) return
    const { count, most } = await response.json()
    link.hidden = count === 0
    link.textContent = (count > most ? 'over ' + most : count) + ' new'
  }
  setInterval(() => look().catch(() => {}), 15000)
}
