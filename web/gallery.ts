import { type Api, ApiProblem, createApi, type ImageView } from './api.ts'
import { createCard, removeCard, titleOf } from './card.ts'
import { element, find } from './html.ts'
import { acceptFiles } from './pick-files.ts'

const userKey = 'tintype-user'

const heading = find('heading', HTMLElement)
const count = find('count', HTMLElement)
const gallery = find('gallery', HTMLElement)
const empty = find('empty', HTMLElement)
const more = find('more', HTMLButtonElement)
const uploads = find('uploads', HTMLElement)
const problem = find('problem', HTMLElement)
const status = find('status', HTMLElement)
const userField = find('user', HTMLInputElement)

userField.value = sessionStorage.getItem(userKey) ?? 'demo'
let api: Api = createApi(userField.value)
let nextCursor: string | null = null

find('sign-in', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  signIn(userField.value.trim())
})
more.addEventListener('click', () => void showPage())
acceptFiles((files) => void uploadAll(files))
void showPage()

function signIn(user: string): void {
  sessionStorage.setItem(userKey, user)
  api = createApi(user)
  nextCursor = null
  for (const card of gallery.querySelectorAll('.card')) removeCard(card)
  uploads.replaceChildren()
  void showPage()
}

/** The first page, or the one after those shown. */
async function showPage(): Promise<void> {
  const asked = api
  problem.replaceChildren()
  gallery.ariaBusy = 'true'
  more.disabled = true
  try {
    const page = await asked.list(nextCursor)
    // Somebody else may have signed in meanwhile.
    if (asked !== api) return
    nextCursor = page.pagination.nextCursor
    gallery.append(...page.images.map(cardFor))
    showState()
  } catch (error) {
    problem.replaceChildren(describe(error))
  } finally {
    gallery.ariaBusy = 'false'
    more.disabled = false
  }
}

/** One after the other: side by side they would only share the line. */
async function uploadAll(files: File[]): Promise<void> {
  const owner = api
  const waiting = files.map((file) => ({ file, row: addUploadRow(file.name) }))
  for (const { file, row } of waiting) {
    try {
      const image = await owner.upload(file, row.showProgress)
      row.remove()
      announce(`${file.name} is uploaded.`)
      if (owner !== api) continue
      gallery.prepend(cardFor(image))
      showState()
    } catch (error) {
      row.showFailure(error)
      announce(`${file.name} is not uploaded.`)
    }
  }
}

function addUploadRow(name: string) {
  const label = element('strong', {}, name)
  const bar = element('progress', { max: 1, value: 0, ariaLabel: `Upload of ${name}` })
  const state = element('span', { className: 'state' }, 'Waiting')
  const row = element('li', {}, label, bar, state)
  uploads.append(row)
  return {
    remove: () => row.remove(),
    showProgress(fraction: number): void {
      bar.value = fraction
      state.textContent = fraction < 1 ? `${Math.floor(fraction * 100)} %` : 'Being examined'
    },
    showFailure(error: unknown): void {
      const dismiss = element('button', { className: 'quiet', ariaLabel: `Dismiss ${name}` }, 'Dismiss')
      dismiss.addEventListener('click', () => row.remove())
      row.className = 'failed'
      row.replaceChildren(label, describe(error), dismiss)
    },
  }
}

function cardFor(image: ImageView): HTMLElement {
  const owner = api
  const card = createCard(image, async () => {
    problem.replaceChildren()
    try {
      await owner.remove(image)
    } catch (error) {
      problem.replaceChildren(describe(error))
      throw error
    }
    removeCard(card)
    // The focus was in the card.
    heading.focus()
    announce(`${titleOf(image)} is deleted.`)
    showState()
  })
  return card
}

function showState(): void {
  const shown = gallery.childElementCount
  const hasMore = nextCursor !== null
  more.hidden = !hasMore
  empty.hidden = shown > 0 || hasMore
  const which = hasMore ? 'newest ' : ''
  count.textContent = shown === 0 ? '' : `${shown} ${which}${shown === 1 ? 'photo' : 'photos'}`
}

function describe(error: unknown): HTMLElement {
  const text = element(
    'span',
    { className: 'problem' },
    error instanceof Error ? error.message : String(error),
  )
  if (error instanceof ApiProblem) text.append(' ', element('code', {}, error.code))
  return text
}

/** Tells those who hear the page. */
function announce(text: string): void {
  status.textContent = text
}
