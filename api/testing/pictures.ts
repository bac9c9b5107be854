import { readFileSync } from 'node:fs'
import { crc32, deflateSync } from 'node:zlib'
import { photographs } from '../../local/photographs.ts'
import { loadSharp } from '../../runtime/sharp.ts'

/** A real photograph; `index` 0 to 8. */
export function photograph(index = 0): Buffer {
  return readFileSync(photographs[index]!.path)
}

/** A picture in one of the accepted formats. */
export async function pictureAs(format: string): Promise<Buffer> {
  const sharp = await loadSharp()
  const small = sharp(photograph()).resize(640)
  switch (format) {
    case 'jpeg':
      return photograph()
    case 'progressive jpeg':
      return small.jpeg({ progressive: true }).toBuffer()
    case 'png':
      return small.png().toBuffer()
    case 'interlaced png':
      return small.png({ progressive: true }).toBuffer()
    case 'webp':
      return small.webp().toBuffer()
    case 'lossless webp':
      return small.webp({ lossless: true, effort: 0 }).toBuffer()
    case 'avif':
      return small.avif({ effort: 0 }).toBuffer()
    case 'gif':
      return small.gif({ effort: 1 }).toBuffer()
    case 'animated gif':
      return (await animation()).gif({ effort: 1 }).toBuffer()
    case 'animated webp':
      return (await animation()).webp({ effort: 0 }).toBuffer()
    default:
      throw new Error(`no picture as ${format}`)
  }
}

async function animation() {
  const sharp = await loadSharp()
  const frames = [0, 1, 2, 3].map((index) =>
    sharp(photograph(index)).resize(320, 240, { fit: 'cover' }).png().toBuffer(),
  )
  return sharp(await Promise.all(frames), { join: { animated: true } })
}

/** A one-coloured PNG of any size. */
export async function plainPng(width: number, height: number, background = '#3366cc'): Promise<Buffer> {
  const sharp = await loadSharp()
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer()
}

/** A PNG of some hundred bytes that claims to unpack to 30,000 x 30,000 pixels. */
export function bomb(): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(30_000, 0)
  header.writeUInt32BE(30_000, 4)
  header.set([8, 2], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(90_001))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(typed), 4)
  return Buffer.concat([frame.subarray(0, 4), typed, frame.subarray(4)])
}
