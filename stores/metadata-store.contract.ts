import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ImageRecord } from '../core/image.ts'
import type { ChangeOutcome, ListQuery, MetadataStore, PagePosition } from '../core/metadata-store.ts'

const startedAt = Date.parse('2026-03-01T12:00:00.000Z')
const later = '2026-03-02T08:30:00.000Z'

/**
 * Registers the tests that every implementation of `MetadataStore` passes.
 *
 * @param name of the implementation
 * @param openEmptyStore gives a store without any content, whose clock is `now`; called once for each test
 */
export function describeMetadataStore(
  name: string,
  openEmptyStore: (options: { now: () => number }) => Promise<MetadataStore>,
): void {
  describe(name, () => {
    let store: MetadataStore
    let clock: number

    beforeEach(async () => {
      clock = startedAt
      store = await openEmptyStore({ now: () => clock })
    })

    const passSeconds = (seconds: number): void => {
      clock += seconds * 1000
    }
    const secondsFromNow = (seconds: number): number => Math.floor(clock / 1000) + seconds

    async function add(...records: ImageRecord[]): Promise<void> {
      for (let at = 0; at < records.length; at += 20) {
        const outcomes = await Promise.all(records.slice(at, at + 20).map((record) => store.create(record)))
        expect(new Set(outcomes)).toEqual(new Set(['created']))
      }
    }

    async function idsOf(query: Pick<ListQuery, 'by' | 'filter'>): Promise<string[]> {
      const page = await store.list({ limit: 100, order: 'newest-first', after: null, ...query })
      return page.images.map(({ id }) => id)
    }

    /** All pages from the first to the one without a next. */
    async function walk(query: Omit<ListQuery, 'after'>): Promise<ImageRecord[][]> {
      const pages: ImageRecord[][] = []
      let after: PagePosition | null = null
      do {
        const page = await store.list({ ...query, after })
        pages.push(page.images)
        after = page.next
      } while (after !== null)
      return pages
    }

    describe('a record', () => {
      it('comes back as it was created', async () => {
        const record = completedImage({
          title: '',
          description: 'zwei\nZeilen\t"und" \\ Ende',
          focalPoint: { x: 0.1 + 0.2, y: 1 },
          width: null,
          uploadedAt: '2019-07-04T10:11:12.123456Z',
        })
        await add(record)
        expect(await store.get(record.id)).toEqual(record)
        expect(await store.get(record.id, { consistent: true })).toEqual(record)
      })

      it('keeps every script, emoji and combining mark', async () => {
        const text = '東京 · Ελλάδα · עברית · नमस्ते · e\u0301 · 👩‍👩‍👧‍👦 · 🏳️‍🌈'
        const record = completedImage({
          title: text,
          description: text.repeat(50),
          altText: text,
          originalFilename: `${text}.jpg`,
          tags: ['🐈', 'кошка', 'e\u0301', '\u00e9'],
        })
        await add(record)
        expect(await store.get(record.id)).toEqual(record)
      })

      it('keeps as many tags as may be given, as long as they may be, in their order', async () => {
        const tags = Array.from({ length: 20 }, (_, at) => String((at * 7) % 20).padEnd(50, 'ü'))
        const record = completedImage({ tags })
        await add(record)
        expect((await store.get(record.id))?.tags).toEqual(tags)
      })

      it('keeps null as null in every field that allows it', async () => {
        const record = completedImage(nothingKnown)
        await add(record)
        expect(await store.get(record.id)).toEqual(record)
        expect(await store.get(record.id)).toMatchObject(nothingKnown)
      })

      it('is null where there is none', async () => {
        expect(await store.get(newId())).toBeNull()
        expect(await store.get(newId(), { consistent: true })).toBeNull()
      })

      it('is created once under one id', async () => {
        const first = completedImage({ title: 'first' })
        expect(await store.create(first)).toBe('created')
        expect(await store.create({ ...first, title: 'second' })).toBe('exists')
        expect(await store.get(first.id)).toEqual(first)
      })

      it('is created by one of many that try at once', async () => {
        const id = newId()
        const records = Array.from({ length: 20 }, (_, at) => completedImage({ id, title: `try ${at}` }))
        const outcomes = await Promise.all(records.map((record) => store.create(record)))
        expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1)
        expect(await store.get(id, { consistent: true })).toEqual(records[outcomes.indexOf('created')])
      })
    })

    describe('a change', () => {
      it('sets what it names, keeps the rest, raises the version and tells the time', async () => {
        const before = completedImage({ title: 'old', description: 'stays' })
        await add(before)
        const outcome = await store.update(
          before.id,
          { title: 'new', tags: ['a', 'b'], focalPoint: { x: 0, y: 0.25 }, updatedAt: later },
          1,
        )
        const after = {
          ...before,
          title: 'new',
          tags: ['a', 'b'],
          focalPoint: { x: 0, y: 0.25 },
          updatedAt: later,
          version: 2,
        }
        expect(outcome).toEqual({ kind: 'changed', record: after })
        expect(await store.get(before.id, { consistent: true })).toEqual(after)
      })

      it('clears with null, and leaves alone what is undefined', async () => {
        const before = completedImage({ title: 'cleared', description: 'stays', albumId: newId() })
        await add(before)
        await store.update(
          before.id,
          { title: null, description: undefined, albumId: undefined, updatedAt: later },
          1,
        )
        const after = { ...before, title: null, updatedAt: later, version: 2 }
        expect(await store.get(before.id, { consistent: true })).toEqual(after)
        expect(await idsOf({ by: { albumId: before.albumId! } })).toEqual([before.id])
      })

      it('sets and clears every field that may be null', async () => {
        const record = completedImage(nothingKnown)
        await add(record)
        const filled = await store.update(record.id, { ...everythingKnown, updatedAt: later }, 1)
        expect(filled).toEqual({
          kind: 'changed',
          record: { ...record, ...everythingKnown, updatedAt: later, version: 2 },
        })
        const emptied = await store.update(record.id, { ...cleared, updatedAt: later }, 2)
        expect(emptied).toEqual({ kind: 'changed', record: { ...record, updatedAt: later, version: 3 } })
        expect(await store.get(record.id, { consistent: true })).toMatchObject(cleared)
      })

      it('brings a new original', async () => {
        const before = completedImage()
        await add(before)
        const original = {
          mimeType: 'image/png',
          fileSize: 50 * 1024 * 1024,
          width: 8000,
          height: 100,
          sha256: 'f'.repeat(64),
          rev: 'ffffffff',
          thumbhash: 'AAAA',
          dominantColor: '#000000',
          s3Key: 'originals/new',
          originalFilename: 'new.png',
        }
        await store.update(before.id, { ...original, updatedAt: later }, 1)
        const after = { ...before, ...original, updatedAt: later, version: 2 }
        expect(await store.get(before.id, { consistent: true })).toEqual(after)
        expect((await walkAll(before.userId)).flat()).toEqual([after])
      })

      it('from an old version is refused, names the current one and changes nothing', async () => {
        const before = completedImage()
        await add(before)
        await store.update(before.id, { title: 'two', updatedAt: later }, 1)
        await store.update(before.id, { title: 'three', updatedAt: later }, 2)
        for (const version of [1, 2, 4]) {
          const outcome = await store.update(
            before.id,
            { title: 'late', albumId: 'late', updatedAt: later },
            version,
          )
          expect(outcome).toEqual({ kind: 'stale', currentVersion: 3 })
          expect(await store.update(before.id, { title: 'late', updatedAt: later }, version)).toEqual(outcome)
        }
        expect(await store.get(before.id, { consistent: true })).toMatchObject({ title: 'three', version: 3 })
      })

      it('of what is not there is missing', async () => {
        const missing = { kind: 'missing' }
        expect(await store.update(newId(), { title: 'x', updatedAt: later }, 1)).toEqual(missing)
        expect(await store.update(newId(), { albumId: 'x', updatedAt: later }, 1)).toEqual(missing)
      })

      it.each(['title', 'albumId'] as const)(
        'of the %s wins once among many from the same version',
        async (field) => {
          const record = completedImage()
          await add(record)
          const values = Array.from({ length: 30 }, (_, at) => `writer ${at}`)
          const outcomes = await Promise.all(
            values.map((value) => store.update(record.id, { [field]: value, updatedAt: later }, 1)),
          )
          const winners = values.filter((_, at) => outcomes[at]?.kind === 'changed')
          expect(winners).toHaveLength(1)
          const stale = outcomes.filter((outcome) => outcome.kind === 'stale')
          expect(stale).toEqual(Array.from({ length: 29 }, () => ({ kind: 'stale', currentVersion: 2 })))
          const after = await store.get(record.id, { consistent: true })
          expect(after).toEqual({ ...record, [field]: winners[0], updatedAt: later, version: 2 })
        },
      )

      it('is lost by no writer that starts over when refused', async () => {
        const record = completedImage({ tags: [] })
        await add(record)
        const writers = Array.from({ length: 8 }, (_, at) => `writer-${at}`)
        await Promise.all(writers.map((tag) => addTag(record.id, tag)))
        const after = await store.get(record.id, { consistent: true })
        expect(after?.tags.toSorted()).toEqual(writers)
        expect(after?.version).toBe(9)
      })
    })

    async function addTag(id: string, tag: string): Promise<void> {
      let outcome: ChangeOutcome
      do {
        const { tags, version } = (await store.get(id, { consistent: true }))!
        outcome = await store.update(id, { tags: [...tags, tag], updatedAt: later }, version)
      } while (outcome.kind === 'stale')
    }

    describe('a deleted image', () => {
      it('is gone from everywhere, and its id is never free again', async () => {
        const record = completedImage({ albumId: newId() })
        await add(record)
        expect(await store.delete(record.id, 1)).toEqual({ kind: 'changed', record })
        expect(await store.get(record.id, { consistent: true })).toBeNull()
        expect(await idsOf({ by: { userId: record.userId } })).toEqual([])
        expect(await idsOf({ by: { albumId: record.albumId! } })).toEqual([])
        expect(await store.create(record)).toBe('exists')
        expect(await store.get(record.id, { consistent: true })).toBeNull()
      })

      it('is missing for further changes', async () => {
        const record = completedImage()
        await add(record)
        await store.delete(record.id, 1)
        for (const version of [1, 2]) {
          expect(await store.update(record.id, { title: 'x', updatedAt: later }, version)).toEqual({
            kind: 'missing',
          })
          expect(await store.update(record.id, { albumId: 'x', updatedAt: later }, version)).toEqual({
            kind: 'missing',
          })
          expect(await store.delete(record.id, version)).toEqual({ kind: 'missing' })
        }
        await store.discardPending(record.id)
        expect(await store.create(record)).toBe('exists')
      })

      it('is not deleted from an old version', async () => {
        const record = completedImage()
        await add(record)
        await store.update(record.id, { title: 'newer', updatedAt: later }, 1)
        expect(await store.delete(record.id, 1)).toEqual({ kind: 'stale', currentVersion: 2 })
        expect(await store.get(record.id, { consistent: true })).toMatchObject({ title: 'newer' })
      })

      it('was never there: missing', async () => {
        expect(await store.delete(newId(), 1)).toEqual({ kind: 'missing' })
      })

      it('is deleted or changed, not both, when both are tried at once', async () => {
        const records = Array.from({ length: 10 }, () => completedImage())
        await add(...records)
        for (const { id } of records) {
          const outcomes = await Promise.all([
            store.delete(id, 1),
            store.update(id, { title: 'x', updatedAt: later }, 1),
          ])
          expect(outcomes.filter(({ kind }) => kind === 'changed')).toHaveLength(1)
          const left = await store.get(id, { consistent: true })
          expect(left === null).toBe(outcomes[0].kind === 'changed')
        }
      })
    })

    describe('a pending image', () => {
      const hour = 3600
      const pending = (overrides: Partial<ImageRecord> = {}): ImageRecord =>
        completedImage({ processingStatus: 'pending', expiresAt: secondsFromNow(hour), ...overrides })

      it('is there, but in no list', async () => {
        const record = pending({ albumId: newId() })
        await add(record)
        expect(await store.get(record.id)).toEqual(record)
        expect(await idsOf({ by: { userId: record.userId } })).toEqual([])
        expect(await idsOf({ by: { albumId: record.albumId! } })).toEqual([])
      })

      it('is gone once it has expired', async () => {
        const record = pending()
        await add(record)
        passSeconds(hour - 1)
        expect(await store.get(record.id)).toEqual(record)
        passSeconds(1)
        expect(await store.get(record.id)).toBeNull()
        expect(await store.get(record.id, { consistent: true })).toBeNull()
        const missing = { kind: 'missing' }
        expect(await store.update(record.id, { title: 'x', updatedAt: later }, 1)).toEqual(missing)
        expect(await store.update(record.id, { processingStatus: 'completed', updatedAt: later }, 1)).toEqual(
          missing,
        )
        expect(await store.delete(record.id, 1)).toEqual(missing)
      })

      it('leaves its id free once it has expired', async () => {
        const record = pending()
        await add(record)
        expect(await store.create(record)).toBe('exists')
        passSeconds(hour)
        const second = pending({ id: record.id, title: 'second' })
        expect(await store.create(second)).toBe('created')
        expect(await store.get(record.id)).toEqual(second)
      })

      it('is listed once it is completed, and expires no more', async () => {
        const record = pending({ albumId: newId() })
        await add(record)
        const change = {
          processingStatus: 'completed' as const,
          uploadedAt: '2026-03-01T12:30:00.000Z',
          fileSize: 4711,
          expiresAt: null,
          updatedAt: later,
        }
        const after = { ...record, ...change, version: 2 }
        expect(await store.update(record.id, change, 1)).toEqual({ kind: 'changed', record: after })
        passSeconds(2 * hour)
        expect(await store.get(record.id, { consistent: true })).toEqual(after)
        expect((await walkAll(record.userId)).flat()).toEqual([after])
        expect(await idsOf({ by: { albumId: record.albumId! } })).toEqual([record.id])
      })

      it('expires no more once completed, even if that change says nothing of it', async () => {
        const record = pending()
        await add(record)
        await store.update(record.id, { processingStatus: 'completed', updatedAt: later }, 1)
        passSeconds(2 * hour)
        expect(await store.get(record.id, { consistent: true })).toMatchObject({
          version: 2,
          expiresAt: null,
        })
      })

      it('may change before it is completed', async () => {
        const [oldAlbum, newAlbum] = [newId(), newId()]
        const record = pending({ albumId: oldAlbum })
        await add(record)
        const change = { albumId: newAlbum, title: 'moved', updatedAt: later }
        const after = { ...record, ...change, version: 2 }
        expect(await store.update(record.id, change, 1)).toEqual({ kind: 'changed', record: after })
        expect(await idsOf({ by: { albumId: newAlbum } })).toEqual([])
        await store.update(record.id, { processingStatus: 'completed', updatedAt: later }, 2)
        expect(await idsOf({ by: { albumId: newAlbum } })).toEqual([record.id])
        expect(await idsOf({ by: { albumId: oldAlbum } })).toEqual([])
      })

      it('may be given more time', async () => {
        const record = pending()
        await add(record)
        const expiresAt = secondsFromNow(3 * hour)
        expect(await store.update(record.id, { expiresAt, updatedAt: later }, 1)).toMatchObject({
          kind: 'changed',
          record: { expiresAt },
        })
        passSeconds(2 * hour)
        expect(await store.get(record.id)).toMatchObject({ expiresAt, version: 2 })
        passSeconds(hour)
        expect(await store.get(record.id)).toBeNull()
      })

      it('is discarded for good', async () => {
        const record = pending()
        await add(record)
        await store.discardPending(record.id)
        expect(await store.get(record.id, { consistent: true })).toBeNull()
        expect(await store.create(record)).toBe('created')
      })

      it('is not discarded once completed', async () => {
        const record = completedImage()
        await add(record)
        await store.discardPending(record.id)
        expect(await store.get(record.id, { consistent: true })).toEqual(record)
      })

      it('that is not there needs no discarding', async () => {
        await expect(store.discardPending(newId())).resolves.toBeUndefined()
      })

      it('is completed by one of many that try at once', async () => {
        const record = pending()
        await add(record)
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, () =>
            store.update(record.id, { processingStatus: 'completed', updatedAt: later }, 1),
          ),
        )
        expect(outcomes.filter(({ kind }) => kind === 'changed')).toHaveLength(1)
        expect(await idsOf({ by: { userId: record.userId } })).toEqual([record.id])
      })
    })

    async function walkAll(userId: string): Promise<ImageRecord[][]> {
      return walk({ by: { userId }, order: 'newest-first', limit: 100 })
    }

    describe('a list', () => {
      const userId = 'lister'
      const albumId = 'album'

      /** Uploaded at seven times: five or six images share each. */
      function sharedTimes(): ImageRecord[] {
        return Array.from({ length: 37 }, (_, at) =>
          completedImage({ userId, albumId, uploadedAt: `2026-01-0${1 + (at % 7)}T00:00:00.000Z` }),
        )
      }

      it.each([
        ['user', { userId }, 'newest-first'],
        ['user', { userId }, 'oldest-first'],
        ['album', { albumId }, 'newest-first'],
        ['album', { albumId }, 'oldest-first'],
      ] as const)('by %s is complete and in order, %j %s', async (_, by, order) => {
        const images = sharedTimes()
        await add(...images, completedImage(), completedImage({ albumId: newId() }))
        const expected = inOrder(images, order)
        for (const limit of [1, 5, 36, 37, 38, 100]) {
          const pages = await walk({ by, order, limit })
          expect(pages.flat()).toEqual(expected)
          // Full pages but for the last one, which is never empty.
          const sizes = pages.map((page) => page.length)
          expect(sizes.slice(0, -1)).toEqual(Array.from({ length: Math.ceil(37 / limit) - 1 }, () => limit))
          expect(sizes.at(-1)).toBeGreaterThan(0)
        }
      })

      it('is one empty page where there is nothing', async () => {
        for (const by of [{ userId }, { albumId }]) {
          expect(await store.list({ by, limit: 10, order: 'newest-first', after: null })).toEqual({
            images: [],
            next: null,
          })
        }
      })

      it('names the position of the last image as the next one', async () => {
        const images = inOrder(sharedTimes(), 'newest-first')
        await add(...images)
        const page = await store.list({ by: { userId }, limit: 3, order: 'newest-first', after: null })
        expect(page.next).toEqual({ uploadedAt: images[2]?.uploadedAt, id: images[2]?.id })
      })

      it('goes on after an image that was deleted or moved away meanwhile', async () => {
        const images = inOrder(sharedTimes(), 'oldest-first')
        await add(...images)
        const query = { by: { albumId }, limit: 10, order: 'oldest-first' } as const
        const first = await store.list({ ...query, after: null })
        await store.delete(images[9]!.id, 1)
        const second = await store.list({ ...query, after: first.next })
        expect(second.images).toEqual(images.slice(10, 20))
        await store.update(images[19]!.id, { albumId: null, updatedAt: later }, 1)
        const third = await store.list({ ...query, after: second.next })
        expect(third.images).toEqual(images.slice(20, 30))
      })

      it('tells users and albums apart whose names begin alike', async () => {
        const names = ['u', 'u1', 'u#1', 'U', 'u 1', 'ü']
        const images = names.map((each) => completedImage({ userId: each, albumId: each }))
        await add(...images)
        for (const [at, each] of names.entries()) {
          expect(await idsOf({ by: { userId: each } })).toEqual([images[at]?.id])
          expect(await idsOf({ by: { albumId: each } })).toEqual([images[at]?.id])
        }
      })

      it('follows an image into another album and out of all', async () => {
        const record = completedImage({ albumId: 'from' })
        await add(record)
        await store.update(record.id, { albumId: 'to', updatedAt: later }, 1)
        expect(await idsOf({ by: { albumId: 'from' } })).toEqual([])
        expect(await idsOf({ by: { albumId: 'to' } })).toEqual([record.id])
        await store.update(record.id, { albumId: null, updatedAt: later }, 2)
        expect(await idsOf({ by: { albumId: 'to' } })).toEqual([])
        expect(await idsOf({ by: { userId: record.userId } })).toEqual([record.id])
        await store.update(record.id, { albumId: 'from', updatedAt: later }, 3)
        expect(await idsOf({ by: { albumId: 'from' } })).toEqual([record.id])
      })

      it('follows a new upload time', async () => {
        const [a, b] = [1, 2].map((day) =>
          completedImage({ userId, albumId, uploadedAt: `2026-01-0${day}T00:00:00.000Z` }),
        )
        await add(a!, b!)
        await store.update(a!.id, { uploadedAt: '2026-01-03T00:00:00.000Z', updatedAt: later }, 1)
        expect(await idsOf({ by: { userId } })).toEqual([a!.id, b!.id])
        expect(await idsOf({ by: { albumId } })).toEqual([a!.id, b!.id])
      })

      it('has large records whole, page by page', async () => {
        // 110 x 15 kB: more than a database likes to give at once.
        const description = '漢'.repeat(5_000)
        const images = Array.from({ length: 110 }, () => completedImage({ userId, description }))
        await add(...images)
        const pages = await walk({ by: { userId }, order: 'newest-first', limit: 100 })
        expect(pages.map((page) => page.length)).toEqual([100, 10])
        expect(pages.flat()).toEqual(inOrder(images, 'newest-first'))
      })

      describe('with a filter', () => {
        it('has the images with exactly this tag', async () => {
          const cat = completedImage({ userId, albumId, tags: ['dog', 'cat'] })
          const category = completedImage({ userId, albumId, tags: ['category', 'Cat', 'ca'] })
          const none = completedImage({ userId, albumId, tags: [] })
          await add(cat, category, none)
          expect(await idsOf({ by: { userId }, filter: { tag: 'cat' } })).toEqual([cat.id])
          expect(await idsOf({ by: { albumId }, filter: { tag: 'cat' } })).toEqual([cat.id])
        })

        it('has the public images, or those of one user, or both with a tag', async () => {
          const mine = completedImage({ userId, albumId, visibility: 'private', tags: ['x'] })
          const open = completedImage({ userId, albumId, visibility: 'public', tags: ['x'] })
          const plain = completedImage({ userId, albumId, visibility: 'public', tags: [] })
          const other = completedImage({ userId: 'other', albumId, visibility: 'public', tags: ['x'] })
          await add(mine, open, plain, other)
          const listed = async (filter: ListQuery['filter']): Promise<Set<string>> =>
            new Set(await idsOf({ by: { albumId }, ...(filter && { filter }) }))
          const ids = (...records: ImageRecord[]): Set<string> => new Set(records.map(({ id }) => id))
          expect(await listed({ visibility: 'public' })).toEqual(ids(open, plain, other))
          expect(await listed({ userId })).toEqual(ids(mine, open, plain))
          expect(await listed({ userId, visibility: 'public', tag: 'x' })).toEqual(ids(open))
          expect(await listed({})).toEqual(ids(mine, open, plain, other))
          expect(await listed(undefined)).toEqual(ids(mine, open, plain, other))
        })

        it.each(['newest-first', 'oldest-first'] as const)(
          'fills its pages however rare the images are, %s',
          async (order) => {
            const images = Array.from({ length: 330 }, (_, at) =>
              completedImage({
                userId,
                tags: at % 30 === 7 ? ['rare'] : ['common'],
                uploadedAt: new Date(startedAt + at * 1000).toISOString(),
              }),
            )
            await add(...images)
            const rare = inOrder(
              images.filter(({ tags }) => tags.includes('rare')),
              order,
            )
            for (const limit of [1, 4, 10, 11, 12]) {
              const pages = await walk({ by: { userId }, order, limit, filter: { tag: 'rare' } })
              expect(pages.flat()).toEqual(rare)
              expect(pages).toHaveLength(Math.ceil(rare.length / limit))
            }
            // Nothing passes: one empty page, not several.
            const pages = await walk({ by: { userId }, order, limit: 5, filter: { tag: 'none' } })
            expect(pages).toEqual([[]])
          },
        )
      })
    })

    describe('an intent', () => {
      const at = (minute: number): string => new Date(startedAt + minute * 60_000).toISOString()

      it('is given from the time on when it is due', async () => {
        const intent = { id: newId(), dueAt: at(10) }
        await store.openIntent(intent)
        expect(await store.dueIntents(at(9), 10)).toEqual([])
        expect(await store.dueIntents(at(10), 10)).toEqual([intent])
        expect(await store.dueIntents(at(11), 10)).toEqual([intent])
      })

      it('is given until it is closed', async () => {
        const intents = [newId(), newId()].map((id) => ({ id, dueAt: at(0) }))
        for (const intent of intents) await store.openIntent(intent)
        await store.closeIntent(intents[0]!.id)
        expect(await store.dueIntents(at(1), 10)).toEqual([intents[1]])
        await store.closeIntent(intents[1]!.id)
        await store.closeIntent(intents[1]!.id)
        expect(await store.dueIntents(at(1), 10)).toEqual([])
      })

      it.each([
        ['later', 5, 30],
        ['earlier', 30, 5],
      ])('that is opened again takes the new time, also a %s one', async (_, first, second) => {
        const id = newId()
        await store.openIntent({ id, dueAt: at(first) })
        await store.openIntent({ id, dueAt: at(second) })
        expect(await store.dueIntents(at(second - 1), 10)).toEqual([])
        expect(await store.dueIntents(at(60), 10)).toEqual([{ id, dueAt: at(second) }])
      })

      it('comes oldest first, and no more than asked for', async () => {
        const intents = Array.from({ length: 60 }, (_, n) => ({ id: newId(), dueAt: at((n * 23) % 60) }))
        await Promise.all(intents.map((intent) => store.openIntent(intent)))
        const due = intents
          .filter(({ dueAt }) => dueAt <= at(44))
          .toSorted((a, b) => compare(a.dueAt, b.dueAt))
        expect(due).toHaveLength(45)
        expect(await store.dueIntents(at(44), 100)).toEqual(due)
        expect(await store.dueIntents(at(44), 45)).toEqual(due)
        expect(await store.dueIntents(at(44), 7)).toEqual(due.slice(0, 7))
      })

      it('may have a long id, and the time of another', async () => {
        const ids = ['a', 'b'].map((end) => newId() + '~' + 'x'.repeat(1400) + end)
        for (const id of ids) await store.openIntent({ id, dueAt: at(0) })
        const due = await store.dueIntents(at(0), 10)
        expect(due.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
        await store.closeIntent(ids[0]!)
        expect(await store.dueIntents(at(0), 10)).toEqual([{ id: ids[1], dueAt: at(0) }])
      })

      it('is no image', async () => {
        const id = newId()
        await store.openIntent({ id, dueAt: at(0) })
        expect(await store.get(id)).toBeNull()
        const record = completedImage({ id })
        expect(await store.create(record)).toBe('created')
        await store.closeIntent(id)
        expect(await store.get(id)).toEqual(record)
      })
    })

    describe('an idempotency key', () => {
      const claim = (overrides: object = {}) => ({
        userId: 'user',
        key: randomUUID() as string,
        fingerprint: 'sha256:1',
        imageId: newId(),
        expiresAt: secondsFromNow(24 * 3600),
        ...overrides,
      })

      it('belongs to the first claim', async () => {
        const first = claim()
        expect(await store.claimIdempotencyKey(first)).toEqual(first)
        const second = claim({ key: first.key, fingerprint: 'sha256:2' })
        expect(await store.claimIdempotencyKey(second)).toEqual(first)
        expect(await store.claimIdempotencyKey(first)).toEqual(first)
      })

      it('belongs to one of many that claim it at once, as all are told', async () => {
        const key = randomUUID()
        const claims = Array.from({ length: 20 }, () => claim({ key }))
        const told = await Promise.all(claims.map((each) => store.claimIdempotencyKey(each)))
        expect(new Set(told.map(({ imageId }) => imageId)).size).toBe(1)
        expect(claims).toContainEqual(told[0])
      })

      it.each([
        ['user', 'other'],
        ['a#b', 'a'],
        ['a%23b', 'a#b'],
        ['a', 'A'],
      ])('of %j is not that of %j', async (userId, otherUserId) => {
        // The second spelling looks the same where user and key are merely joined.
        for (const [key, otherKey] of [
          ['k', 'k'],
          ['c', 'b#c'],
        ]) {
          const first = claim({ userId, key })
          const second = claim({ userId: otherUserId, key: otherKey })
          expect(await store.claimIdempotencyKey(first)).toEqual(first)
          expect(await store.claimIdempotencyKey(second)).toEqual(second)
        }
      })

      it('is free again once the claim has expired', async () => {
        const first = claim({ expiresAt: secondsFromNow(60) })
        await store.claimIdempotencyKey(first)
        passSeconds(59)
        const second = claim({ key: first.key })
        expect(await store.claimIdempotencyKey(second)).toEqual(first)
        passSeconds(1)
        expect(await store.claimIdempotencyKey(second)).toEqual(second)
        expect(await store.claimIdempotencyKey(first)).toEqual(second)
      })
    })
  })
}

/** What a change may clear. */
const cleared = {
  albumId: null,
  title: null,
  description: null,
  altText: null,
  width: null,
  height: null,
  sha256: null,
  rev: null,
  thumbhash: null,
  dominantColor: null,
  attention: null,
  focalPoint: null,
} satisfies Partial<ImageRecord>

const nothingKnown = { ...cleared, thumbnailKey: null } satisfies Partial<ImageRecord>

const everythingKnown = {
  albumId: 'album',
  title: 'title',
  description: 'description',
  altText: 'alt',
  width: 1,
  height: 2,
  sha256: 'b'.repeat(64),
  rev: 'bbbbbbbb',
  thumbhash: 'BBBB',
  dominantColor: '#ffffff',
  attention: { x: 0, y: 1 },
  focalPoint: { x: 0.5, y: 0.5 },
} satisfies Record<keyof typeof cleared, unknown>

let ids = 0

/** As long as a ULID, and unique; in ascending order. */
function newId(): string {
  ids += 1
  return `01JQ${String(ids).padStart(22, '0')}`
}

/** A completed image of a user of its own. */
export function completedImage(overrides: Partial<ImageRecord> = {}): ImageRecord {
  const id = overrides.id ?? newId()
  return {
    id,
    userId: `user-of-${id}`,
    albumId: null,
    originalFilename: 'IMG_0001.JPG',
    mimeType: 'image/jpeg',
    fileSize: 2_345_678,
    width: 4000,
    height: 3000,
    sha256: 'a'.repeat(64),
    rev: 'aaaaaaaa',
    thumbhash: '3OcRJYB4d3h/iIeHeEh3eIhw+j2w',
    dominantColor: '#a1b2c3',
    attention: { x: 0.125, y: 0.875 },
    s3Bucket: 'originals',
    s3Key: `o/${id}/aaaaaaaa.jpg`,
    thumbnailKey: null,
    title: 'A title',
    description: null,
    altText: null,
    tags: ['one', 'two'],
    focalPoint: null,
    visibility: 'public',
    processingStatus: 'completed',
    createdAt: '2026-03-01T12:00:00.000Z',
    updatedAt: '2026-03-01T12:00:00.000Z',
    uploadedAt: '2026-03-01T12:00:00.000Z',
    version: 1,
    expiresAt: null,
    ...overrides,
  }
}

function inOrder(images: ImageRecord[], order: ListQuery['order']): ImageRecord[] {
  const sorted = images.toSorted((a, b) => compare(a.uploadedAt, b.uploadedAt) || compare(a.id, b.id))
  return order === 'oldest-first' ? sorted : sorted.toReversed()
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
