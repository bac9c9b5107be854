import { createChoice, type Random } from './random.ts'

/*
 * Who looks at which pages. Every share is an assumption; docs/simulator.md has the reasons.
 */

/** Who looks at which pages: all that decides which widths are asked for. */
export interface Audience {
  readonly name: string
  readonly visitors: Visitors
  readonly pages: Pages
}

/** Width of the viewport in CSS pixels, and device pixels per CSS pixel. */
export interface Screen {
  readonly viewport: number
  readonly pixelRatio: number
}

/** In per cent of the list, or in any other unit that its shares have in common. */
export type Shares<T> = readonly (readonly [share: number, thing: T])[]

export interface Visitors {
  readonly name: string
  /** share of requests from telephones and tablets */
  readonly mobileShare: number
  readonly mobileScreens: Shares<Screen>
  /** width of a desktop's window: maximised, or 'resized' to anything from 700 to 2200 pixels */
  readonly desktopWindows: Shares<number | 'resized'>
  /** share of desktop windows whose scroll bar takes 15 pixels from the viewport */
  readonly scrollBarShare: number
  readonly desktopPixelRatios: Shares<number>
}

/** Where an image stands on a page, and how wide it is there in CSS pixels. */
export interface Place {
  readonly name: string
  widthIn(viewport: number): number
}

export interface Pages {
  readonly name: string
  /** places where every image may stand, such as lists of cards, each with its share of all requests */
  readonly lists: readonly (readonly [share: number, place: Place])[]
  /** where an image stands otherwise: each has a slot of its own, of these */
  readonly slots: Shares<Place>
  /** widths of the originals, one as frequent as the other */
  readonly sourceWidths: readonly number[]
}

const mobileScreens: Shares<Screen> = [
  [11, { viewport: 360, pixelRatio: 3 }],
  [9, { viewport: 390, pixelRatio: 3 }],
  [9, { viewport: 393, pixelRatio: 2.75 }],
  [7, { viewport: 412, pixelRatio: 2.625 }],
  [6, { viewport: 414, pixelRatio: 2 }],
  [6, { viewport: 360, pixelRatio: 2 }],
  [5, { viewport: 375, pixelRatio: 3 }],
  [5, { viewport: 393, pixelRatio: 3 }],
  [4, { viewport: 430, pixelRatio: 3 }],
  [4, { viewport: 412, pixelRatio: 3.5 }],
  [4, { viewport: 384, pixelRatio: 2.8125 }],
  [4, { viewport: 360, pixelRatio: 4 }],
  [3, { viewport: 428, pixelRatio: 3 }],
  [3, { viewport: 375, pixelRatio: 2 }],
  [3, { viewport: 414, pixelRatio: 3 }],
  [3, { viewport: 402, pixelRatio: 3 }],
  [3, { viewport: 440, pixelRatio: 3 }],
  [2, { viewport: 320, pixelRatio: 2 }],
  [2, { viewport: 385, pixelRatio: 2.8125 }],
  [2, { viewport: 376, pixelRatio: 2.875 }],
  [2, { viewport: 412, pixelRatio: 2.75 }],
  [1, { viewport: 600, pixelRatio: 1.33 }],
  [2, { viewport: 768, pixelRatio: 2 }],
  [2, { viewport: 820, pixelRatio: 2 }],
  [1, { viewport: 810, pixelRatio: 2 }],
  [1, { viewport: 834, pixelRatio: 2 }],
  [1, { viewport: 1024, pixelRatio: 2 }],
]

const desktopWindows: Shares<number | 'resized'> = [
  [25, 1920],
  [16, 1536],
  [10, 1366],
  [9, 1440],
  [6, 1280],
  [5, 1600],
  [6, 2560],
  [3, 1680],
  [3, 1512],
  [2, 1728],
  [15, 'resized'],
]

const desktopPixelRatios: Shares<number> = [
  [49, 1],
  [18, 1.25],
  [14, 1.5],
  [18, 2],
  [1, 1.1],
]

export const world: Visitors = {
  name: 'world',
  mobileShare: 0.6,
  mobileScreens,
  desktopWindows,
  scrollBarShare: 0.6,
  desktopPixelRatios,
}

/** Two columns on a telephone, three on a tablet, cards of 300 pixels on a desktop. */
function cardWidth(viewport: number): number {
  if (viewport < 700) return Math.floor((viewport - 48) / 2)
  return viewport < 1200 ? Math.floor((viewport - 96) / 3) : 300
}

/** Lists of cards, and pages with one large image. */
export const gallery: Pages = {
  name: 'gallery',
  lists: [
    [0.1, { name: 'avatar', widthIn: () => 64 }],
    [0.5, { name: 'card', widthIn: cardWidth }],
  ],
  slots: [
    [60, { name: 'column', widthIn: (viewport) => Math.min(viewport - 32, 720) }],
    [20, { name: 'wide column', widthIn: (viewport) => Math.min(viewport, 600) }],
    [20, { name: 'full width', widthIn: (viewport) => viewport }],
  ],
  sourceWidths: [1600, 2000, 2400, 3000, 4000],
}

/** Makes what draws a visitor's screen. */
export function createScreens(visitors: Visitors): (random: Random) => Screen {
  const pickMobile = createChoice(visitors.mobileScreens)
  const pickWindow = createChoice(visitors.desktopWindows)
  const pickPixelRatio = createChoice(visitors.desktopPixelRatios)
  return (random) => {
    if (random() < visitors.mobileShare) return pickMobile(random)
    const window = pickWindow(random)
    if (window === 'resized') {
      return { viewport: 700 + Math.floor(random() * 1500), pixelRatio: pickPixelRatio(random) }
    }
    const scrollBar = random() < visitors.scrollBarShare ? 15 : 0
    return { viewport: window - scrollBar, pixelRatio: pickPixelRatio(random) }
  }
}

/** What browsers send as Accept for an image. */
export const acceptHeaders: Shares<string> = [
  // Chrome, Edge, Opera, Samsung Internet
  [46, 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'],
  // Safari 17 and later
  [
    14,
    'image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
  ],
  // Safari 16
  [12, 'image/webp,image/avif,video/*;q=0.8,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5'],
  // Firefox 132 and later
  [9, 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5'],
  // Firefox 93 to 127
  [5, 'image/avif,image/webp,*/*'],
  // Firefox 128 to 131
  [4, 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.9,*/*;q=0.8'],
  // embedded web views with a list of their own
  [3, 'image/avif,image/webp,image/apng,image/*,*/*;q=0.8'],
  // Safari 14 and 15
  [1.5, 'image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5'],
  // Chrome before 85, Edge before 121
  [1, 'image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'],
  // Firefox 65 to 91
  [1, 'image/webp,*/*'],
  // programs that read no modern format
  [2, '*/*'],
  [1.5, 'image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5'],
]
