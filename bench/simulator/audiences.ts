import {
  type Audience,
  gallery,
  type Pages,
  type Place,
  type Shares,
  type Visitors,
  world,
} from './audience.ts'

/*
 * Audiences beside the one of R1 and R2. A ladder that suits all of them leans on none: docs/simulator.md has the reasons
 * of each, docs/adr/0008-the-ladder.md what came of them.
 */

/** Inexpensive telephones whose pixel ratios are fractions, and small laptops. */
const androids: Visitors = {
  name: 'Androids',
  mobileShare: 0.85,
  mobileScreens: [
    [22, { viewport: 360, pixelRatio: 2 }],
    [10, { viewport: 412, pixelRatio: 2.625 }],
    [9, { viewport: 393, pixelRatio: 2.75 }],
    [8, { viewport: 360, pixelRatio: 3 }],
    [8, { viewport: 384, pixelRatio: 2.8125 }],
    [7, { viewport: 412, pixelRatio: 1.75 }],
    [6, { viewport: 384, pixelRatio: 1.875 }],
    [5, { viewport: 320, pixelRatio: 1.5 }],
    [4, { viewport: 320, pixelRatio: 2 }],
    [4, { viewport: 432, pixelRatio: 2.5 }],
    [4, { viewport: 411, pixelRatio: 3.5 }],
    [4, { viewport: 360, pixelRatio: 4 }],
    [3, { viewport: 480, pixelRatio: 2.25 }],
    [3, { viewport: 390, pixelRatio: 3 }],
    [2, { viewport: 600, pixelRatio: 1.33 }],
    [1, { viewport: 800, pixelRatio: 1.5 }],
  ],
  desktopWindows: [
    [36, 1366],
    [20, 1536],
    [20, 1920],
    [8, 1280],
    [5, 1600],
    [3, 1024],
    [8, 'resized'],
  ],
  scrollBarShare: 0.9,
  desktopPixelRatios: [
    [72, 1],
    [20, 1.25],
    [5, 1.5],
    [3, 2],
  ],
}

/** iPhones, iPads and Macs. */
const retina: Visitors = {
  name: 'Retina',
  mobileShare: 0.55,
  mobileScreens: [
    [24, { viewport: 390, pixelRatio: 3 }],
    [21, { viewport: 393, pixelRatio: 3 }],
    [12, { viewport: 430, pixelRatio: 3 }],
    [8, { viewport: 402, pixelRatio: 3 }],
    [8, { viewport: 375, pixelRatio: 3 }],
    [7, { viewport: 428, pixelRatio: 3 }],
    [5, { viewport: 440, pixelRatio: 3 }],
    [4, { viewport: 414, pixelRatio: 2 }],
    [3, { viewport: 375, pixelRatio: 2 }],
    [3, { viewport: 820, pixelRatio: 2 }],
    [2, { viewport: 810, pixelRatio: 2 }],
    [2, { viewport: 834, pixelRatio: 2 }],
    [1, { viewport: 1024, pixelRatio: 2 }],
  ],
  desktopWindows: [
    [22, 1440],
    [18, 1512],
    [12, 1728],
    [6, 1680],
    [4, 1280],
    [4, 1920],
    [4, 2560],
    [30, 'resized'],
  ],
  scrollBarShare: 0.2,
  desktopPixelRatios: [
    [85, 2],
    [15, 1],
  ],
}

/** Windows at work: many of them not maximised, many scaled, some zoomed. */
const office: Visitors = {
  name: 'office',
  mobileShare: 0.2,
  mobileScreens: world.mobileScreens,
  desktopWindows: [
    [30, 1920],
    [14, 1536],
    [7, 1280],
    [4, 2560],
    [3, 1440],
    [2, 3440],
    [40, 'resized'],
  ],
  scrollBarShare: 0.9,
  desktopPixelRatios: [
    [50, 1],
    [22, 1.25],
    [14, 1.5],
    [5, 2],
    [4, 1.75],
    [3, 1.1],
    [2, 1.375],
  ],
}

/** Lists of articles for sale, four beside each other on a desktop, and a picture that can be zoomed. */
const shop: Pages = {
  name: 'shop',
  lists: [
    [0.2, { name: 'thumbnail', widthIn: () => 80 }],
    [
      0.5,
      {
        name: 'card',
        widthIn(viewport) {
          if (viewport < 700) return Math.floor((viewport - 36) / 2)
          if (viewport < 1100) return Math.floor((viewport - 64) / 3)
          return Math.floor((Math.min(viewport, 1280) - 120) / 4)
        },
      },
    ],
  ],
  slots: [
    [
      80,
      { name: 'article', widthIn: (viewport) => (viewport < 800 ? viewport : Math.min(600, viewport >> 1)) },
    ],
    [20, { name: 'zoomed', widthIn: (viewport) => (viewport < 800 ? viewport : 1200) }],
  ],
  sourceWidths: [1000, 1200, 1600, 2000, 3000],
}

/** Columns of text, teasers beside headlines. */
const magazine: Pages = {
  name: 'magazine',
  lists: [
    [0.3, { name: 'teaser', widthIn: (viewport) => (viewport < 700 ? 120 : 200) }],
    [
      0.3,
      {
        name: 'card',
        widthIn: (viewport) =>
          viewport < 700 ? viewport - 32 : Math.floor((Math.min(viewport, 1200) - 64) / 3),
      },
    ],
  ],
  slots: [
    [75, { name: 'column', widthIn: (viewport) => Math.min(viewport - 40, 680) }],
    [25, { name: 'lead', widthIn: (viewport) => Math.min(viewport, 1400) }],
  ],
  sourceWidths: [1200, 1600, 2000, 2560, 4000],
}

/** Everything in shares of the viewport: sizes="100vw", "50vw" and "33vw". */
const fluid: Pages = {
  name: 'fluid',
  lists: [[0.4, { name: 'third', widthIn: (viewport) => Math.ceil(viewport / (viewport < 700 ? 2 : 3)) }]],
  slots: [
    [40, { name: 'whole', widthIn: (viewport) => viewport }],
    [40, { name: 'half', widthIn: (viewport) => (viewport < 700 ? viewport : Math.ceil(viewport / 2)) }],
    [
      20,
      { name: 'two thirds', widthIn: (viewport) => (viewport < 700 ? viewport : Math.ceil(viewport / 1.5)) },
    ],
  ],
  sourceWidths: [1600, 2000, 2400, 3000, 4000],
}

/** Posts one below the other, as wide on every screen as they fit. */
const feed: Pages = {
  name: 'feed',
  lists: [
    [0.35, { name: 'avatar', widthIn: () => 40 }],
    [0.25, { name: 'card', widthIn: () => 320 }],
  ],
  slots: [[100, { name: 'post', widthIn: (viewport) => Math.min(viewport, 600) }]],
  sourceWidths: [1080, 1440, 2048, 4000],
}

const anyWidth: Place = { name: 'anything', widthIn: (viewport) => viewport }
/** Widths from 48 to 3840, each as frequent as another in proportion to itself: 100 ± 1 as 1000 ± 10. */
const allWidths: Shares<{ viewport: number; pixelRatio: number }> = Array.from(
  { length: 2192 },
  (_, index) => [1, { viewport: Math.round(48 * 1.002 ** index), pixelRatio: 1 }],
)

/** Nothing is known: no width is likelier than another, and images have no place of their own. */
const unknown: Audience = {
  name: 'unknown',
  visitors: {
    name: 'anyone',
    mobileShare: 1,
    mobileScreens: allWidths,
    desktopWindows: world.desktopWindows,
    scrollBarShare: 0,
    desktopPixelRatios: world.desktopPixelRatios,
  },
  pages: { name: 'anything', lists: [], slots: [[1, anyWidth]], sourceWidths: [4000] },
}

/** The audience of R1 and R2, then those that a ladder has not been fitted to. */
export const audiences: readonly Audience[] = [
  audience(world, gallery),
  audience(androids, gallery),
  audience(retina, gallery),
  audience(office, gallery),
  audience(world, shop),
  audience(androids, shop),
  audience(world, magazine),
  audience(retina, magazine),
  audience(world, fluid),
  audience(office, fluid),
  audience(world, feed),
  unknown,
]

function audience(visitors: Visitors, pages: Pages): Audience {
  return { name: `${visitors.name}, ${pages.name}`, visitors, pages }
}
