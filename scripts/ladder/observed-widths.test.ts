import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { linesOf } from './log-file.ts'
import { countWidths, observeLines, readLedger } from './observed-widths.ts'
import { lineSentence } from './report.ts'

const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const none = { used: 0, withoutWidth: 0, rewritten: 0, unrelated: 0, malformed: 0 }

const fields =
  '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie)'

/** A line of a CloudFront log with the columns of `fields`. */
function logged(stem: string, query: string, status = '200'): string {
  const before = ['2026-11-22', '10:00:00', 'FRA56-P1', '8192', '192.0.2.1', 'GET', 'd111.cloudfront.net']
  return [...before, stem, status, '-', 'Mozilla/5.0%20(X11)', query, '-'].join('\t')
}

describe('lines of URLs', () => {
  it('count each width in device pixels', async () => {
    const { widths, lines } = await observeLines([
      `https://img.example.com/i/${id}?w=320&dpr=2`,
      `http://localhost:4000/i/${id}?w=640#top`,
      `/i/${id}?DPR=1.1&utm=1&W=360`,
      `  /i/${id}?w=393&dpr=2.75&r=abcdef01&ar=16%3A9  `,
    ])
    expect(widths).toEqual([
      { width: 396, requests: 1 },
      { width: 640, requests: 2 },
      { width: 1081, requests: 1 },
    ])
    expect(lines).toEqual({ ...none, used: 4 })
  })

  it.each([
    [`/i/${id}`, 'withoutWidth'],
    [`/i/${id}?preset=thumb`, 'withoutWidth'],
    [`/v/${id}/_/1-w640-q2.webp`, 'rewritten'],
    ['/api/images', 'unrelated'],
    ['/i/no-id?w=640', 'malformed'],
    [`/i/${id}?w=9000`, 'malformed'],
    [`/i/${id}?w=640&dpr=9`, 'malformed'],
    [`/i/${id}?w=640&w=641`, 'malformed'],
    ['not a URL', 'malformed'],
    ['\u0000\ufffd', 'malformed'],
  ] as const)('leave out %s as %s, and go on', async (line, as) => {
    const { widths, lines } = await observeLines([line, '', `/i/${id}?w=640`])
    expect(lines).toEqual({ ...none, used: 1, [as]: 1 })
    expect(widths).toEqual([{ width: 640, requests: 1 }])
  })
})

describe('a CloudFront log', () => {
  it('is read by the columns that it names', async () => {
    const { widths, lines } = await observeLines([
      '#Version: 1.0',
      fields,
      logged(`/i/${id}`, 'w=640&dpr=2'),
      logged(`/i/${id}`, 'w=640&ar=16%253A9', '304'),
      logged(`/i/${id}`, '-'),
      logged(`/i/${id}`, 'w=640', '400'),
      logged('/favicon.ico', '-'),
      logged(`/i/${id}`, 'w=wide'),
      'cut off in the mid',
      `${logged(`/i/${id}`, 'w=640')}\tone column too many`,
      '#Fields: cs-uri-query cs-uri-stem',
      `w=100\t/i/${id}`,
    ])
    expect(widths).toEqual([
      { width: 100, requests: 1 },
      { width: 640, requests: 1 },
      { width: 1280, requests: 1 },
    ])
    expect(lines).toEqual({ used: 3, withoutWidth: 1, rewritten: 0, unrelated: 2, malformed: 3 })
  })

  it('tells nothing without the columns that are needed', async () => {
    const { widths, lines } = await observeLines(['#Fields: date time', '2026-11-22\t10:00:00'])
    expect(widths).toEqual([])
    expect(lines).toEqual({ ...none, malformed: 1 })
  })
})

describe('a log file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tintype-ladder-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  const text = `${fields}\r\n${logged(`/i/${id}`, 'w=640')}\n${logged(`/i/${id}`, 'w=640')}`

  it.each([
    ['plain', Buffer.from(text)],
    ['in gzip', gzipSync(text)],
  ])('is read %s, whatever its name', async (_how, bytes) => {
    const path = join(directory, 'E123.log')
    await writeFile(path, bytes)
    expect((await observeLines(linesOf(path))).widths).toEqual([{ width: 640, requests: 2 }])
  })

  it('that is empty has no lines', async () => {
    const path = join(directory, 'empty.gz')
    await writeFile(path, '')
    expect((await observeLines(linesOf(path))).lines).toEqual(none)
  })

  it('that is cut off or absent fails', async () => {
    const path = join(directory, 'cut.gz')
    await writeFile(path, gzipSync(text).subarray(0, 40))
    await expect(observeLines(linesOf(path))).rejects.toThrow('unexpected end of file')
    await expect(observeLines(linesOf(join(directory, 'absent')))).rejects.toThrow('ENOENT')
  })
})

describe('a ledger', () => {
  it('counts a width that occurs twice once', () => {
    const json = '[{"width":640,"requests":2},{"width":320,"requests":1},{"width":640,"requests":3}]'
    expect(readLedger(json)).toEqual([
      { width: 320, requests: 1 },
      { width: 640, requests: 5 },
    ])
  })

  it('may be what the API answers', () => {
    const view = { from: '2026-11-01', rungs: [], askedWidths: [{ width: 640, requests: 2.5 }] }
    expect(readLedger(JSON.stringify(view))).toEqual([{ width: 640, requests: 2.5 }])
  })

  it.each([
    ['', 'JSON'],
    ['{}', 'expected array'],
    ['{"askedWidths":{}}', 'expected array'],
    ['[{"width":640}]', '[0].requests'],
    ['[{"width":0,"requests":1}]', '[0].width'],
    ['[{"width":640,"requests":-1}]', '[0].requests'],
  ])('is refused as %j, telling %s', (json, message) => {
    expect(() => readLedger(json)).toThrow(message)
  })
})

it('counts widths one by one', () => {
  expect(countWidths([640, 320, 640])).toEqual([
    { width: 320, requests: 1 },
    { width: 640, requests: 2 },
  ])
})

it('says which lines were left out', () => {
  expect(lineSentence({ ...none, used: 1200, malformed: 3 })).toBe(
    '1,200 requests with a width; left out: 3 malformed.',
  )
  expect(lineSentence({ ...none, used: 1 })).toBe('1 requests with a width.')
})
