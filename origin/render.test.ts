import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Size, Variant } from '../core/image-url.ts'
import type { Format } from '../core/ladder.ts'
import { photographs } from '../local/photographs.ts'
import { loadSharp, type Sharp } from '../runtime/sharp.ts'
import type { Limits } from './limits.ts'
import { render } from './render.ts'

const limits: Limits = { sourceBytesMax: 50e6, inputPixelsMax: 50e6, rendersMax: 2, queuedRendersMax: 8 }
const photograph = readFileSync(photographs[0]!.path)
let sharp: Sharp

beforeAll(async () => {
  sharp = await loadSharp()
})

const rung = (width: number, ratio = ''): Size => ({
  kind: 'rung',
  width,
  ratio,
  fit: ratio === '' ? 'inside' : 'cover',
})

function variant(size: Size, format: Format, band: 1 | 2 | 3 = 2): Variant {
  return { id: '01JD0R3XW6ZQJ5Y5T1V9N4K8MH', rev: '_', size, band, format }
}

function renderAs(source: Uint8Array, size: Size, format: Format, band: 1 | 2 | 3 = 2) {
  return render(sharp, { kind: 'original', bytes: source }, variant(size, format, band), null, limits)
}

/** The mean colour of a part of a picture; `part` is left, top, width and height in fractions. */
async function colourAt(bytes: Uint8Array, part: [number, number, number, number]): Promise<number[]> {
  const { width, height } = await sharp(bytes).metadata()
  const [left, top, w, h] = part
  const region = {
    left: Math.round(left * width),
    top: Math.round(top * height),
    width: Math.round(w * width),
    height: Math.round(h * height),
  }
  const { channels } = await sharp(await sharp(bytes).extract(region).png().toBuffer()).stats()
  return channels.slice(0, 3).map(({ mean }) => Math.round(mean))
}

describe('render', () => {
  it.each<[Format, string, string]>([
    ['avif', 'heif', 'rgb16'],
    ['webp', 'webp', 'srgb'],
    ['jpeg', 'jpeg', 'srgb'],
    ['png', 'png', 'srgb'],
  ])('makes %s', async (format, libvipsName, space) => {
    const rendered = await renderAs(photograph, rung(640), format)
    const metadata = await sharp(rendered.bytes).metadata()
    expect(metadata).toMatchObject({ format: libvipsName, width: 640, height: 469, space })
    expect(rendered).toMatchObject({ contentType: `image/${format}`, width: 640, height: 469 })
    expect(rendered.etag).toBe(`"${createHash('md5').update(rendered.bytes).digest('hex')}"`)
  })

  it.each([
    [2448, 10],
    [3056, 8],
  ])('makes AVIF of %i px with %i bits', async (width, bits) => {
    const wide = await sharp({ create: { width: 3100, height: 31, channels: 3, background: '#777' } })
      .png()
      .toBuffer()
    const { bytes } = await renderAs(wide, rung(width), 'avif')
    expect(await sharp(bytes).metadata()).toMatchObject({ width, bitsPerSample: bits })
  })

  it.each<Format>(['avif', 'webp', 'jpeg'])('spends more bytes on %s from band to band', async (format) => {
    const sizes = await Promise.all(
      ([1, 2, 3] as const).map((band) => renderAs(photograph, rung(640), format, band)),
    )
    const [low, medium, high] = sizes.map(({ bytes }) => bytes.length) as [number, number, number]
    expect(low).toBeLessThan(medium)
    expect(medium).toBeLessThan(high)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('turns EXIF orientation %i upright', async (orientation) => {
    // Red top left, green top right, blue bottom left, white bottom right; stored so that `orientation` undoes it.
    const upright = await quadrants(300, 200)
    const stored = await storedWithOrientation(upright, orientation)
    const rendered = await renderAs(stored, rung(264), 'png')
    expect(rendered).toMatchObject({ width: 264, height: 176 })
    const corner = (left: number, top: number) => colourAt(rendered.bytes, [left, top, 0.2, 0.2])
    expect(await corner(0.1, 0.1)).toEqual([254, 0, 0])
    expect(await corner(0.7, 0.1)).toEqual([0, 255, 1])
    expect(await corner(0.1, 0.7)).toEqual([0, 0, 254])
    expect(await corner(0.7, 0.7)).toEqual([255, 255, 255])
    expect((await sharp(rendered.bytes).metadata()).orientation).toBeUndefined()
  })

  it('converts Display P3 to sRGB and drops the profile', async () => {
    // Pure P3 green lies outside sRGB: read as if it were sRGB it would stay (0, 255, 0) with a duller meaning.
    const srgbOrange = { r: 230, g: 120, b: 40 }
    const flat = await sharp({ create: { width: 300, height: 200, channels: 3, background: srgbOrange } })
      .withIccProfile('p3')
      .png()
      .toBuffer()
    const raw = await colourAt(
      await sharp(flat).pipelineColourspace('srgb').keepIccProfile().png().toBuffer(),
      [0, 0, 1, 1],
    )
    const rendered = await renderAs(flat, rung(264), 'png')
    const colour = await colourAt(rendered.bytes, [0, 0, 1, 1])
    expect(raw).not.toEqual([230, 120, 40])
    expect(Math.max(...[230, 120, 40].map((value, i) => Math.abs(value - colour[i]!)))).toBeLessThanOrEqual(2)
    expect((await sharp(rendered.bytes).metadata()).icc).toBeUndefined()
  })

  it('converts CMYK to sRGB', async () => {
    // CMYK holds fewer colours, so the way there and back shifts them a little; a missing conversion inverts them.
    const cmyk = await sharp(photograph).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer()
    expect((await sharp(cmyk).metadata()).space).toBe('cmyk')
    const rendered = await renderAs(cmyk, rung(640), 'png')
    const reference = await renderAs(photograph, rung(640), 'png')
    expect(await sharp(rendered.bytes).metadata()).toMatchObject({ space: 'srgb', channels: 3 })
    const [got, want] = await Promise.all([
      colourAt(rendered.bytes, [0, 0, 1, 1]),
      colourAt(reference.bytes, [0, 0, 1, 1]),
    ])
    expect(Math.max(...want.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(20)
  })

  it.each<Format>(['avif', 'webp', 'jpeg', 'png'])('leaves no metadata in %s', async (format) => {
    const tagged = await sharp(photograph)
      .withExif({
        IFD0: { Copyright: 'secret owner' },
        IFD3: { GPSLatitude: '52/1 30/1 0/1', GPSLatitudeRef: 'N' },
      })
      .jpeg()
      .toBuffer()
    expect((await sharp(tagged).metadata()).exif?.toString('latin1')).toContain('secret owner')
    const { bytes } = await renderAs(tagged, rung(264), format)
    const metadata = await sharp(bytes).metadata()
    expect([metadata.exif, metadata.xmp, metadata.iptc, metadata.icc]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('secret owner')
  })

  it('keeps transparency where the format has it, and shows white where it has not', async () => {
    const clear = await sharp({ create: { width: 200, height: 200, channels: 4, background: '#ff000000' } })
      .png()
      .toBuffer()
    for (const format of ['avif', 'webp', 'png'] as const) {
      expect((await sharp((await renderAs(clear, rung(136), format)).bytes).stats()).isOpaque).toBe(false)
    }
    expect(await colourAt((await renderAs(clear, rung(136), 'jpeg')).bytes, [0, 0, 1, 1])).toEqual([
      255, 255, 255,
    ])
  })

  it('keeps an animation moving in WebP, also for those who would take AVIF, and shows its first frame in JPEG', async () => {
    const gif = await animatedGif()
    const webp = await renderAs(gif, rung(136, '1:1'), 'webp')
    expect(webp).toMatchObject({ contentType: 'image/webp', width: 136, height: 136 })
    expect((await sharp(webp.bytes).metadata()).pages).toBe(3)
    const avif = await renderAs(gif, rung(136), 'avif')
    expect(avif.contentType).toBe('image/webp')
    expect((await sharp((await renderAs(gif, rung(136), 'jpeg')).bytes).metadata()).height).toBe(102)
  })

  it.each(['jpeg', 'png', 'webp', 'avif', 'gif'] as const)('refuses a truncated %s', async (format) => {
    const whole = await sharp(photograph).toFormat(format).toBuffer()
    const rendering = renderAs(whole.subarray(0, whole.length * 0.7), rung(264), 'webp')
    await expect(rendering).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE', status: 422 })
  })

  it.each([
    ['text', Buffer.from('not an image at all')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"/>')],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s', async (_, bytes) => {
    await expect(renderAs(bytes, rung(264), 'webp')).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
  })

  it('refuses too many pixels from the header alone', async () => {
    const small = { ...limits, inputPixelsMax: 1000 * 700 }
    const rendering = render(
      sharp,
      { kind: 'original', bytes: photograph },
      variant(rung(264), 'webp'),
      null,
      small,
    )
    await expect(rendering).rejects.toMatchObject({ code: 'SOURCE_TOO_LARGE', status: 422 })
  })
})

async function quadrants(width: number, height: number): Promise<Buffer> {
  const tile = (background: string, left: number, top: number) => ({
    input: { create: { width: width / 2, height: height / 2, channels: 3 as const, background } },
    left,
    top,
  })
  return sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite([tile('#ff0000', 0, 0), tile('#00ff00', width / 2, 0), tile('#0000ff', 0, height / 2)])
    .png()
    .toBuffer()
}

/** Stores an upright picture the way a camera does that was held so: turned, with the tag that turns it back. */
async function storedWithOrientation(upright: Buffer, orientation: number): Promise<Buffer> {
  const inverse: Record<number, (image: ReturnType<Sharp>) => ReturnType<Sharp>> = {
    1: (image) => image,
    2: (image) => image.flop(),
    3: (image) => image.rotate(180),
    4: (image) => image.flip(),
    5: (image) => image.rotate(90).flop(),
    6: (image) => image.rotate(270),
    7: (image) => image.rotate(270).flop(),
    8: (image) => image.rotate(90),
  }
  // In two passes: within one, sharp has an order of its own for turning and mirroring.
  const turned = await applied(upright, orientation, inverse)
  return sharp(turned)
    .withMetadata({ orientation })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer()
}

async function applied(
  upright: Buffer,
  orientation: number,
  inverse: Record<number, (image: ReturnType<Sharp>) => ReturnType<Sharp>>,
): Promise<Buffer> {
  if (orientation !== 5 && orientation !== 7) return inverse[orientation]!(sharp(upright)).png().toBuffer()
  const rotated = await sharp(upright)
    .rotate(orientation === 5 ? 90 : 270)
    .png()
    .toBuffer()
  return sharp(rotated).flop().png().toBuffer()
}

async function animatedGif(): Promise<Buffer> {
  const frames = await Promise.all(
    [0, 120, 240].map((hue) =>
      sharp(photograph).resize(200, 150, { fit: 'fill' }).modulate({ hue }).raw().toBuffer(),
    ),
  )
  const raw = { width: 200, height: 450, channels: 3 as const, pageHeight: 150 }
  return sharp(Buffer.concat(frames), { raw }).gif().toBuffer()
}
