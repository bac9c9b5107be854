import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Locator, Page, Request, Response } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { largePhotograph } from '../local/large-photograph.ts'
import { photographs } from '../local/photographs.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { type ApiClient, connect } from '../scripts/api-client.ts'
import { uploadPhotographs } from '../scripts/demo/upload-photographs.ts'
import { launchBrowser } from './browser.ts'
import { startTestSystem, type TestSystem } from './test-system.ts'

/** Git ignores it. */
const screenshots = fileURLToPath(new URL('../test-results/', import.meta.url))

/** Users whose images the tests only look at. */
const album = 'album'
const camera = 'camera'

let system: TestSystem
let browser: Browser
/** Those that the present test has opened. */
let galleries: Gallery[] = []

beforeAll(async () => {
  ;[system, browser] = await Promise.all([startTestSystem(), launchBrowser()])
  await addPhotographs(album)
  await addPhoto(camera, await largePhotograph(), 'Twelve megapixels')
})

afterAll(async () => {
  await browser?.close()
  await system?.remove()
})

afterEach(async () => {
  const opened = galleries
  galleries = []
  await Promise.all(opened.map(({ page }) => page.context().close()))
  expect(opened.flatMap(({ faults }) => faults)).toEqual([])
})

describe('the gallery', () => {
  it('shows every photograph, newest first, each in a place of its own size', async () => {
    const { page } = await openGallery(album)
    await loadAllPictures(page)
    const titles = await page.locator('.title').allTextContents()
    expect(titles).toEqual(photographs.map(({ title }) => title).toReversed())
    await page.getByText('9 photos').waitFor()

    for (const picture of await page.getByRole('img').all()) {
      const { shown, declared } = await picture.evaluate((img: HTMLImageElement) => ({
        shown: img.clientWidth / img.clientHeight,
        declared: Number(img.getAttribute('width')) / Number(img.getAttribute('height')),
      }))
      expect(shown).toBeCloseTo(declared, 1)
    }
    expect(await page.getByAltText(photographs[0]!.altText).count()).toBe(1)
  })

  it('moves nothing while it loads', async () => {
    const { page } = await openGallery(album)
    await loadAllPictures(page)
    expect(await layoutShifts(page)).toEqual([])
  })

  it('shows a blurred picture until the picture has come', async () => {
    const { page } = await openGallery(camera)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await page.route('**/i/**', async (route) => {
      await held
      await route.continue()
    })
    await page.reload()
    const picture = page.getByRole('img')
    const background = () =>
      picture.evaluate((img) => {
        const { backgroundImage, backgroundColor } = getComputedStyle(img)
        return `${backgroundColor} ${backgroundImage}`
      })
    await picture.waitFor()
    expect(await background()).toMatch(/^rgb\(\d+, \d+, \d+\) url\("data:image\/png;base64,/)
    release()
    await loadAllPictures(page)
    expect(await background()).toBe('rgba(0, 0, 0, 0) none')
  })

  it('tells what was delivered', async () => {
    const { page, pictures } = await openGallery(camera)
    await loadAllPictures(page)
    const delivered = pictures[0]!
    const width = new URL(delivered.url()).searchParams.get('w')
    const kilobytes = ((await delivered.body()).length / 1000).toFixed(1)
    expect(await page.locator('.delivery').textContent()).toMatch(
      new RegExp(`^AVIF · ${width} px · ${kilobytes} kB · edge: Hit \\(\\d+ s old\\)$`),
    )
  })

  it('loads more when asked', async () => {
    const user = newUser()
    const sharp = await loadSharp()
    for (let red = 0; red < 22; red++) {
      const background = { r: red * 10, g: 80, b: 120 }
      const bytes = await sharp({ create: { width: 150, height: 100, channels: 3, background } })
        .jpeg()
        .toBuffer()
      await addPhoto(user, new Uint8Array(bytes), `Red ${red}`)
    }
    const { page } = await openGallery(user)
    await page.getByText('20 newest photos').waitFor()
    await page.getByRole('button', { name: 'Load more' }).click()
    await page.getByText('22 photos').waitFor()
    expect(await page.getByRole('button', { name: 'Load more' }).count()).toBe(0)
    expect(new Set(await page.locator('.title').allTextContents()).size).toBe(22)
  })

  it('tells a new user how to begin', async () => {
    const { page } = await openGallery(newUser())
    await page.getByRole('heading', { name: 'No photos yet' }).waitFor()
    await page.getByText('npm run demo').waitFor()
  })

  it('shows another user’s images after signing in as them', async () => {
    const { page } = await openGallery(newUser())
    await page.getByLabel('Signed in as').fill(camera)
    await page.getByRole('button', { name: 'Switch' }).click()
    await page.getByText('Twelve megapixels').waitFor()
    await page.reload()
    await page.getByText('Twelve megapixels').waitFor()
  })

  it('gets itself a new token when the old one is refused', async () => {
    const gallery = await openGallery(camera, { session: { [`tintype-token:${camera}`]: 'expired' } })
    const { page } = gallery
    await page.getByText('Twelve megapixels').waitFor()
    expectFault(gallery, /401/)
  })

  it('says in words why a list did not come, and shows it when it does', async () => {
    const gallery = await openGallery(newUser())
    const { page } = gallery
    const problem = { detail: 'Too many requests: wait 7 seconds.', code: 'RATE_LIMITED' }
    await page.route('**/images', (route) =>
      route.fulfill({ status: 429, contentType: 'application/problem+json', body: JSON.stringify(problem) }),
    )
    await page.reload()
    const alert = page.getByRole('alert')
    await alert.getByText('Too many requests: wait 7 seconds. RATE_LIMITED').waitFor()
    expectFault(gallery, /429/)

    await page.unroute('**/images')
    await page.getByRole('button', { name: 'Switch' }).click()
    await page.getByRole('heading', { name: 'No photos yet' }).waitFor()
    expect(await alert.textContent()).toBe('')
  })
})

describe('srcset in a browser', () => {
  it.each([
    [360, 1],
    [360, 2],
    [360, 3],
    [768, 2],
    [1280, 1],
    [1280, 2],
    [2560, 1],
    [2560, 2],
  ])(
    'gets as many pixels as the place needs, in a window of %i px at %i device pixels',
    async (width, density) => {
      const { page } = await openGallery(camera, {
        viewport: { width, height: 900 },
        deviceScaleFactor: density,
      })
      await loadAllPictures(page)
      const picture = await page.getByRole('img').evaluate(async (img: HTMLImageElement) => {
        const file = new Image()
        file.src = img.currentSrc
        await file.decode()
        return {
          neededWidth: img.clientWidth * devicePixelRatio,
          url: img.currentSrc,
          fileWidth: file.naturalWidth,
          candidates: img.srcset.split(', ').map((candidate) => candidate.split(' ')[0]),
        }
      })
      expect(picture.candidates).toContain(picture.url)
      expect(picture.fileWidth).toBe(Number(new URL(picture.url).searchParams.get('w')))
      // A rung is at most 1.25 x the one before; browsers may choose the nearer one, be it a little too small.
      expect(picture.fileWidth).toBeGreaterThan(picture.neededWidth / Math.sqrt(1.26))
      expect(picture.fileWidth).toBeLessThan(picture.neededWidth * 1.26)
    },
  )
})

describe('the format', () => {
  it.each([
    ['of its own choice', undefined, 'image/avif'],
    ['without AVIF', 'image/webp,image/apng,image/*,*/*;q=0.8', 'image/webp'],
    ['with neither AVIF nor WebP', 'image/png,image/*;q=0.8,*/*;q=0.5', 'image/jpeg'],
  ])('for a browser %s', async (_name, accept, contentType) => {
    const { page, pictures } = await openGallery(camera, {
      prepare: async (opened) => {
        if (accept !== undefined) await acceptForPictures(opened, accept)
      },
    })
    await loadAllPictures(page)
    const types = pictures.map((response) => response.headers()['content-type'])
    expect(new Set(types)).toEqual(new Set([contentType]))
    const name = contentType.replace('image/', '').toUpperCase()
    expect(await page.locator('.delivery').textContent()).toMatch(new RegExp(`^${name} · `))
  })
})

describe('the edge', () => {
  it('makes a picture for its first visitor, and keeps it for the second', async () => {
    const user = newUser()
    await addPhotographs(user)
    const caches: (string | undefined)[][] = []
    for (let visitor = 1; visitor <= 2; visitor++) {
      const { page, pictures } = await openGallery(user)
      await loadAllPictures(page)
      caches.push(pictures.map((response) => response.headers()['x-cache']))
    }
    expect(caches[0]).toEqual(photographs.map(() => 'Miss from cloudfront'))
    expect(caches[1]).toEqual(photographs.map(() => 'Hit from cloudfront'))
  })
})

describe('an upload', () => {
  it('is added in front, and is still there after a reload', async () => {
    const { page } = await openGallery(newUser())
    await chooseFiles(page, [photographs[0]!.path])
    await page.locator('.title', { hasText: /^image$/ }).waitFor()
    await page.getByText('image.jpg is uploaded.').waitFor({ state: 'attached' })
    await loadAllPictures(page)

    await chooseFiles(page, [{ name: 'second.jpg', mimeType: 'image/jpeg', buffer: await smallJpeg() }])
    await expect.poll(() => page.locator('.title').allTextContents()).toEqual(['second', 'image'])
    expect(await page.locator('#uploads li').count()).toBe(0)
    await page.reload()
    await expect.poll(() => page.locator('.title').allTextContents()).toEqual(['second', 'image'])
  })

  it('can be dropped anywhere', async () => {
    const { page } = await openGallery(newUser())
    const base64 = (await smallJpeg()).toString('base64')
    await page.evaluate(async (url) => {
      const file = new File([await (await fetch(url)).blob()], 'dropped.jpg', { type: 'image/jpeg' })
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(file)
      for (const type of ['dragenter', 'dragover', 'drop']) {
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }))
      }
    }, `data:image/jpeg;base64,${base64}`)
    await page.getByText('dropped', { exact: true }).waitFor()
    expect(await page.locator('body').getAttribute('class')).toBe('')
  })

  it('above 10 MB goes straight to the object store', async () => {
    const { page } = await openGallery(newUser())
    const posts: string[] = []
    page.on('request', (request) => {
      if (request.method() === 'POST')
        posts.push(new URL(request.url()).pathname.replace(/[0-9A-Z]{26}/, ':id'))
    })
    const sharp = await loadSharp()
    const image = sharp(await largePhotograph()).resize(2400)
    const buffer = await image.png({ compressionLevel: 0 }).toBuffer()
    expect(buffer.length).toBeGreaterThan(10_000_000)
    await chooseFiles(page, [{ name: 'large.png', mimeType: 'image/png', buffer }])
    await page.getByText('large', { exact: true }).waitFor()
    expect(posts).toEqual([
      '/uploads',
      expect.stringContaining('/tintype-originals'),
      '/uploads/:id/complete',
    ])
    await loadAllPictures(page)
  })

  it('that is no image is refused in words, and the others go on', async () => {
    const gallery = await openGallery(newUser())
    const { page } = gallery
    await chooseFiles(page, [
      { name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not an image at all') },
      { name: 'good.jpg', mimeType: 'image/jpeg', buffer: await smallJpeg() },
    ])
    await page.getByText('good', { exact: true }).waitFor()
    const row = page.getByRole('listitem').filter({ hasText: 'notes.jpg' })
    expect(await row.textContent()).toContain('The file is not an image of an accepted kind')
    expect(await row.locator('code').textContent()).toBe('INVALID_FILE_TYPE')
    expectFault(gallery, /400/)

    await row.getByRole('button', { name: 'Dismiss notes.jpg' }).click()
    expect(await row.count()).toBe(0)
    expect(await page.locator('.title').allTextContents()).toEqual(['good'])
  })

  it('above 10 MB that the service refuses says why, too', async () => {
    const gallery = await openGallery(newUser())
    const { page } = gallery
    const buffer = Buffer.alloc(10_000_001)
    await chooseFiles(page, [{ name: 'film.mp4', mimeType: 'video/mp4', buffer }])
    await page.getByRole('listitem').filter({ hasText: 'INVALID_FILE_TYPE' }).waitFor()
    expectFault(gallery, /400/)
  })
})

describe('deleting', () => {
  it('asks back, and does nothing when the answer is no', async () => {
    const user = newUser()
    await addPhoto(user, new Uint8Array(await smallJpeg()), 'Kept')
    const { page } = await openGallery(user)
    const open = page.getByRole('button', { name: 'Delete Kept' })

    await open.click()
    expect(await focusedText(page)).toBe('Keep')
    await page.keyboard.press('Escape')
    expect(await open.evaluate((button) => button === document.activeElement)).toBe(true)
    await open.click()
    await page.getByRole('button', { name: 'Keep' }).click()
    await page.reload()
    await page.getByText('Kept').waitFor()
  })

  it('takes the picture off the page, out of the API and off the edge', async () => {
    const user = newUser()
    await addPhoto(user, new Uint8Array(await smallJpeg()), 'Gone')
    const { page, pictures } = await openGallery(user)
    await loadAllPictures(page)
    const url = pictures[0]!.url()
    expect((await fetch(url, { headers: { accept: 'image/avif' } })).headers.get('x-cache')).toMatch(/^Hit/)

    await page.getByRole('button', { name: 'Delete Gone' }).click()
    await page.getByRole('group', { name: 'Delete Gone?' }).getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('heading', { name: 'No photos yet' }).waitFor()
    await page.getByText('Gone is deleted.').waitFor({ state: 'attached' })
    expect(await focusedText(page)).toBe('Gallery')

    expect((await fetch(url, { headers: { accept: 'image/avif' } })).status).toBe(404)
    expect((await fetch(url, { headers: { accept: 'image/webp' } })).status).toBe(404)
    expect(await (await apiOf(user)).newest(10)).toEqual([])
  })

  it('that fails is said, and the picture stays', async () => {
    const user = newUser()
    await addPhoto(user, new Uint8Array(await smallJpeg()), 'Staying')
    const gallery = await openGallery(user)
    const { page } = gallery
    await page.route('**/images/*', (route) => route.abort())
    await page.getByRole('button', { name: 'Delete Staying' }).click()
    await page.getByRole('group').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('alert').getByText('The server can’t be reached.').waitFor()
    expect(await page.getByRole('button', { name: 'Delete Staying' }).isVisible()).toBe(true)
    expectFault(gallery, /ERR_FAILED/)
  })
})

describe('the layout', () => {
  it.each(
    [360, 1280, 2560].flatMap((width) =>
      (['light', 'dark'] as const).map((scheme) => [width, scheme] as const),
    ),
  )('fits a window of %i px, %s', async (width, colorScheme) => {
    const height = width === 360 ? 740 : width * 0.625
    const { page } = await openGallery(album, { viewport: { width, height }, colorScheme })
    await loadAllPictures(page)
    await page
      .getByRole('button', { name: /^Delete / })
      .first()
      .click()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)

    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const brightness = Number(/\d+/.exec(ground)![0])
    expect(brightness > 128).toBe(colorScheme === 'light')

    await page.keyboard.press('Escape')
    await page.evaluate(() => scrollTo(0, 0))
    await mkdir(screenshots, { recursive: true })
    await page.screenshot({ path: `${screenshots}gallery-${width}-${colorScheme}.png` })
  })
})

interface GalleryOptions extends BrowserContextOptions {
  /** Items for the page's sessionStorage. */
  session?: Record<string, string>
  /** Called before the page is loaded. */
  prepare?: (page: Page) => Promise<void>
}

interface Gallery {
  page: Page
  /** Answers to the browser's own requests for pictures, as they come. */
  pictures: Response[]
  /** Script errors, messages on the console, requests to elsewhere: any of them fails the test. */
  faults: string[]
}

/** Opens the page as a user, in a browser profile of its own. */
async function openGallery(user: string, options: GalleryOptions = {}): Promise<Gallery> {
  const { session = {}, prepare, ...contextOptions } = options
  const context = await browser.newContext(contextOptions)
  const page = await context.newPage()
  const gallery: Gallery = { page, pictures: [], faults: [] }
  galleries.push(gallery)
  collectFaults(gallery)
  page.on('response', (response) => {
    if (isPicture(response.request())) gallery.pictures.push(response)
  })
  // Only what is not there yet: this runs again when the page is loaded again.
  await page.addInitScript(
    (items) => {
      for (const [key, value] of Object.entries(items)) {
        if (sessionStorage.getItem(key) === null) sessionStorage.setItem(key, value)
      }
    },
    { 'tintype-user': user, ...session },
  )
  await recordLayoutShifts(page)
  await prepare?.(page)
  await page.goto(system.url)
  await page.locator('#gallery[aria-busy=false]').waitFor({ state: 'attached' })
  return gallery
}

function isPicture(request: Request): boolean {
  return request.resourceType() === 'image' && new URL(request.url()).pathname.startsWith('/i/')
}

function collectFaults({ page, faults }: Gallery): void {
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()))
      faults.push(`${message.text()} ${message.location().url}`)
  })
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    const isOutside = protocol.startsWith('http') && !['localhost', '127.0.0.1'].includes(hostname)
    if (isOutside) faults.push(`external request to ${hostname}`)
  })
}

/** The browser puts failed requests on the console: a test that makes them says so. */
function expectFault({ faults }: Gallery, pattern: RegExp): void {
  const others = faults.filter((fault) => !pattern.test(fault))
  expect(others.length).toBeLessThan(faults.length)
  faults.splice(0, faults.length, ...others)
}

/** Scrolls by all pictures, until each has come and its line is filled. */
async function loadAllPictures(page: Page): Promise<void> {
  for (const card of await page.locator('.card').all()) {
    await card.scrollIntoViewIfNeeded()
    await card
      .locator('.delivery')
      .filter({ hasText: /· edge: / })
      .waitFor()
  }
}

/** Makes the browser ask for its pictures as another one would. */
async function acceptForPictures(page: Page, accept: string): Promise<void> {
  await page.route('**/i/**', (route) => {
    const request = route.request()
    return route.continue(isPicture(request) ? { headers: { ...request.headers(), accept } } : {})
  })
}

async function recordLayoutShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: unknown[] = []
    Object.assign(window, { layoutShifts: shifts })
    new PerformanceObserver((list) =>
      shifts.push(...list.getEntries().map((entry) => entry.toJSON())),
    ).observe({
      type: 'layout-shift',
      buffered: true,
    })
  })
}

function layoutShifts(page: Page): Promise<unknown[]> {
  return page.evaluate(() => (window as unknown as { layoutShifts: unknown[] }).layoutShifts)
}

async function chooseFiles(
  page: Page,
  files: Parameters<Locator['setInputFiles']>[0] & unknown[],
): Promise<void> {
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByText('Upload photos').click(),
  ])
  await chooser.setFiles(files as Parameters<typeof chooser.setFiles>[0])
}

function focusedText(page: Page): Promise<string | null | undefined> {
  return page.evaluate(() => document.activeElement?.textContent)
}

function newUser(): string {
  return `user-${randomUUID()}`
}

function apiOf(user: string): Promise<ApiClient> {
  return connect(system.url, { user })
}

async function addPhotographs(user: string): Promise<void> {
  for await (const { added } of uploadPhotographs(await apiOf(user))) expect(added).toBe(true)
}

async function addPhoto(user: string, bytes: Uint8Array<ArrayBuffer>, title: string): Promise<void> {
  const api = await apiOf(user)
  await api.upload({
    bytes,
    title,
    altText: title,
    filename: 'photo.jpg',
    mimeType: 'image/jpeg',
    idempotencyKey: randomUUID(),
  })
}

async function smallJpeg(): Promise<Buffer> {
  const sharp = await loadSharp()
  const background = { r: Math.floor(Math.random() * 256), g: 120, b: 60 }
  return sharp({ create: { width: 600, height: 400, channels: 3, background } })
    .jpeg()
    .toBuffer()
}
