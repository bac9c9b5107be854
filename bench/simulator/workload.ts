import { devicePixels } from '../../core/ladder.ts'
import {
  acceptHeaders,
  type Audience,
  createScreens,
  gallery,
  type Pages,
  type Place,
  world,
} from './audience.ts'
import { createChoice, createPicker, createRandom, type Random, zipfWeights } from './random.ts'

/** What happens to a service over some time; the same workload always gives the same requests. */
export interface Workload {
  readonly name: string
  readonly images: number
  readonly requests: number
  readonly seconds: number
  readonly pops: number
  /** exponent of the images' popularity, 1 / rank^exponent */
  readonly popularityExponent: number
  readonly audience: Audience
  readonly seed: number
}

const secondsPerDay = 86_400

/** 5,000 images, a day of a million requests over 20 points of presence (PoPs). */
export const r1: Workload = {
  name: 'R1',
  images: 5000,
  requests: 1_000_000,
  seconds: secondsPerDay,
  pops: 20,
  popularityExponent: 0.8,
  audience: { name: 'gallery', visitors: world, pages: gallery },
  seed: 21,
}

/** The same for ten times as many images. */
export const r2: Workload = { ...r1, name: 'R2', images: 50_000 }

/** A smaller workload with the same number of requests per image, and so nearly the same hit rates. */
export function scale(workload: Workload, factor: number): Workload {
  const images = Math.round(workload.images * factor)
  return { ...workload, images, requests: Math.round(workload.requests * factor) }
}

/** Share of images that are published during the workload; nobody asks for them before. */
export const publishedMeanwhileShare = 0.1
/** Exponent of the PoPs' popularity: a few cities bring most of the visitors. */
export const popExponent = 0.8
/** Share of requests whose URL carries a parameter of a campaign, different for each click. */
export const trackingShare = 0.01

/** By image: its URLs come from the API and carry `r`, were written by hand without it, or half and half. */
export const revisionHabits = [
  [90, 1],
  [5, 0],
  [5, 0.5],
] as const

/** Order in which a page writes the query's parameters: as the API does, sorted by name, or the width first. */
export const parameterOrderShares = [85, 10, 5] as const

/** One image that one browser is about to show. */
export interface Viewing {
  readonly second: number
  /** index of the PoP that is asked */
  readonly pop: number
  /** index of the image, the most popular first */
  readonly image: number
  readonly sourceWidth: number
  /** width on the page, in CSS pixels */
  readonly cssWidth: number
  readonly pixelRatio: number
  readonly accept: string
  /** whether the page names the image's revision */
  readonly namesRevision: boolean
  /** index into {@link parameterOrderShares} */
  readonly parameterOrder: number
  /** a parameter that means nothing to an image service; '' if there is none */
  readonly tracking: string
}

/** The width that the screen can show, in device pixels; an original has no more than its own. */
export function neededWidth(viewing: Viewing): number {
  return Math.min(devicePixels(viewing.cssWidth, viewing.pixelRatio), viewing.sourceWidth)
}

interface Picture {
  readonly sourceWidth: number
  readonly slot: Place
  readonly revisionShare: number
  readonly publishedAtSecond: number
}

/** All requests of a workload in the order of time. */
export function* viewings(workload: Workload): Generator<Viewing, void, undefined> {
  const random = createRandom(workload.seed)
  const pictures = createPictures(workload, random)
  const pickImage = createPicker(zipfWeights(workload.images, workload.popularityExponent))
  const pickPop = createPicker(zipfWeights(workload.pops, popExponent))
  const pickScreen = createScreens(workload.audience.visitors)
  const pickAccept = createChoice(acceptHeaders)
  const pickOrder = createPicker(parameterOrderShares)

  for (let index = 0; index < workload.requests; index++) {
    const second = (index / workload.requests) * workload.seconds
    let image = pickImage(random)
    while (pictures[image]!.publishedAtSecond > second) image = pickImage(random)
    const picture = pictures[image]!
    const screen = pickScreen(random)
    yield {
      second,
      pop: pickPop(random),
      image,
      sourceWidth: picture.sourceWidth,
      cssWidth: placeOf(workload.audience.pages, picture.slot, random).widthIn(screen.viewport),
      pixelRatio: screen.pixelRatio,
      accept: pickAccept(random),
      namesRevision: random() < picture.revisionShare,
      parameterOrder: pickOrder(random),
      tracking: random() < trackingShare ? `utm_id=${index}` : '',
    }
  }
}

/**
 * The same workload with other widths: each request's is drawn from those observed, independently of the image. So a
 * small image is asked for all widths, and hit rates come out lower than they are where each image has its place.
 */
export function* viewingsOf(
  workload: Workload,
  observed: readonly { readonly width: number; readonly requests: number }[],
): Generator<Viewing, void, undefined> {
  const random = createRandom(workload.seed ^ 0x5bd1e995)
  const pickWidth = createChoice(observed.map(({ width, requests }) => [requests, width] as const))
  for (const viewing of viewings(workload)) {
    const width = pickWidth(random)
    yield { ...viewing, cssWidth: width, pixelRatio: 1, sourceWidth: Math.max(width, viewing.sourceWidth) }
  }
}

/** What is warmed up of each image as it is published. */
export interface WarmUpPlan {
  readonly rungs: readonly number[]
  /** an Accept header for each format */
  readonly accepts: readonly string[]
  /** Whether the images that are there at the start are asked for then, as `npm run warm` does. */
  readonly startsWithStock: boolean
}

/**
 * The requests of a warm-up through the CDN, all by way of one PoP: they fill it, its region and the shield. Their URLs name
 * the revision, as those that the API gives do; what is wider than the original is its own width.
 */
export function warmUpOf(workload: Workload, { rungs, accepts, startsWithStock }: WarmUpPlan): Viewing[] {
  const pictures = createPictures(workload, createRandom(workload.seed))
  const requests = pictures.flatMap(({ sourceWidth, publishedAtSecond }, image) => {
    if (publishedAtSecond === 0 && !startsWithStock) return []
    const widths = [...new Set(rungs.map((rung) => Math.min(rung, sourceWidth)))]
    return widths.flatMap((width) =>
      accepts.map((accept) => ({
        second: publishedAtSecond,
        pop: 0,
        image,
        sourceWidth,
        cssWidth: width,
        pixelRatio: 1,
        accept,
        namesRevision: true,
        parameterOrder: 0,
        tracking: '',
      })),
    )
  })
  return requests.toSorted((left, right) => left.second - right.second)
}

function createPictures(workload: Workload, random: Random): Picture[] {
  const { slots, sourceWidths } = workload.audience.pages
  const pickSlot = createChoice(slots)
  const pickRevisionShare = createChoice<number>(revisionHabits)
  const pictures = Array.from({ length: workload.images }, () => ({
    sourceWidth: sourceWidths[Math.floor(random() * sourceWidths.length)]!,
    slot: pickSlot(random),
    revisionShare: pickRevisionShare(random),
    publishedAtSecond: random() < publishedMeanwhileShare ? random() * workload.seconds : 0,
  }))
  // A service has an image to show from its first second.
  pictures[0] = { ...pictures[0]!, publishedAtSecond: 0 }
  return pictures
}

function placeOf({ lists }: Pages, slot: Place, random: Random): Place {
  const drawn = random()
  let upTo = 0
  for (const [share, place] of lists) {
    upTo += share
    if (drawn < upTo) return place
  }
  return slot
}
