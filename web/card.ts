import { thumbHashToDataURL } from 'thumbhash'
import type { ImageView } from './api.ts'
import { inspectDelivery } from './delivery.ts'
import { element, formatAge, formatBytes } from './html.ts'

/** For a migrated image whose size was never known. */
const ratioUnknown = 1.5

/**
 * How wide a picture is shown. With `auto` the browser takes the width that the layout has given it; the rest is for
 * browsers that don't know `auto`.
 */
const sizes = 'auto, (max-width: 40rem) 100vw, 30rem'

/**
 * One picture of the gallery: what was delivered for it, and a way to delete it.
 *
 * @param onDelete called when the person has confirmed; when it fails, the question is taken back
 */
export function createCard(image: ImageView, onDelete: () => Promise<void>): HTMLElement {
  const title = titleOf(image)
  const delivery = element('p', { className: 'delivery' })
  const caption = element(
    'figcaption',
    {},
    element('p', { className: 'title', title }, title),
    createDeletion(title, onDelete),
    delivery,
  )
  const card = element('figure', { className: 'card' }, createPicture(image, delivery), caption)
  card.dataset.id = image.id
  card.style.setProperty('--ratio', String(image.aspectRatio ?? ratioUnknown))
  return card
}

/** Takes a card off the page. */
export function removeCard(card: Element): void {
  const img = card.querySelector('img')
  // Of a picture that is nowhere, `auto` is no width: the browser would fetch a larger file for it.
  if (img !== null) img.sizes = `${img.clientWidth}px`
  card.remove()
}

/** What to call an image: its title, else the name of its file. */
export function titleOf(image: ImageView): string {
  return image.title ?? image.originalFilename
}

function createPicture(image: ImageView, delivery: HTMLElement): HTMLElement {
  if (image.imageUrl === null) {
    delivery.textContent = 'Private: it has no public URL.'
    return element('div', { className: 'picture' })
  }
  const img = element('img', { className: 'picture', alt: image.altText ?? titleOf(image) })
  img.loading = 'lazy'
  img.decoding = 'async'
  if (image.width !== null) img.width = image.width
  if (image.height !== null) img.height = image.height
  showPlaceholder(img, image)
  img.addEventListener('load', () => {
    // It would shine through a transparent picture.
    img.style.background = 'none'
    // It loads once more when it is removed.
    if (img.isConnected) void describeDelivery(img, delivery)
  })
  img.addEventListener('error', () => {
    delivery.textContent = 'The picture could not be loaded.'
  })
  // In this order: the browser begins to load what it knows.
  img.sizes = sizes
  if (image.srcset !== null) img.srcset = image.srcset
  img.src = image.imageUrl
  return element('a', { href: image.imageUrl }, img)
}

function showPlaceholder(img: HTMLImageElement, { dominantColor, thumbhash }: ImageView): void {
  if (dominantColor !== null) img.style.backgroundColor = dominantColor
  if (thumbhash === null) return
  const hash = Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0))
  img.style.backgroundImage = `url(${thumbHashToDataURL(hash)})`
}

async function describeDelivery(img: HTMLImageElement, line: HTMLElement): Promise<void> {
  try {
    const { format, width, bytes, cache, ageSeconds } = await inspectDelivery(img)
    const age = ageSeconds === null ? '' : ` (${formatAge(ageSeconds)} old)`
    line.textContent = [format, `${width} px`, formatBytes(bytes), `edge: ${cache}${age}`].join(' · ')
  } catch {
    // The picture itself has come: only the line about it is missing.
    line.textContent = 'Nothing is known about its delivery.'
  }
}

/** A button that asks back in its own place. */
function createDeletion(title: string, onDelete: () => Promise<void>): HTMLElement {
  const begin = element('button', { className: 'quiet', ariaLabel: `Delete ${title}` }, 'Delete')
  const keep = element('button', {}, 'Keep')
  const confirm = element('button', { className: 'danger' }, 'Delete')
  const question = element('div', { className: 'question', hidden: true }, 'Delete it?', keep, confirm)
  question.role = 'group'
  question.ariaLabel = `Delete ${title}?`

  const ask = (asking: boolean): void => {
    question.hidden = !asking
    begin.hidden = asking
    // The answer that does no harm has the focus.
    const next = asking ? keep : begin
    next.focus()
  }
  begin.addEventListener('click', () => ask(true))
  keep.addEventListener('click', () => ask(false))
  question.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') ask(false)
  })
  confirm.addEventListener('click', () => {
    confirm.disabled = true
    onDelete().catch(() => {
      confirm.disabled = false
      ask(false)
    })
  })
  return element('div', { className: 'deletion' }, begin, question)
}
