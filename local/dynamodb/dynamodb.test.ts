import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import {
  DescribeTableCommand,
  ListTablesCommand,
  TransactWriteItemsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { createDynamoMetadataStore } from '../../stores/dynamo-metadata-store.ts'
import { ensureTable } from '../../stores/dynamo-table.ts'
import { completedImage } from '../../stores/metadata-store.contract.ts'
import { dynamoClient } from '../testing/test-table.ts'
import { type DynamoDbOptions, type RunningDynamoDb, startDynamoDb } from './index.ts'
import { parseJavaRelease } from './java.ts'

const run = promisify(execFile)
const hasJava = inject('dynamoEngine') === 'dynamodb-local'
const path = process.env.PATH

let dir: string
let running: RunningDynamoDb[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tintype-dynamodb-'))
})

afterEach(async () => {
  process.env.PATH = path
  await Promise.all(running.map((each) => each.stop()))
  running = []
  await rm(dir, { recursive: true, force: true })
})

async function start(options: DynamoDbOptions): Promise<RunningDynamoDb> {
  const started = await startDynamoDb(options)
  running.push(started)
  return started
}

describe.each([...(hasJava ? (['dynamodb-local'] as const) : []), 'dynalite' as const])('%s', (engine) => {
  it('keeps on disk what was written, from one start to the next', async () => {
    const record = completedImage()
    const first = await start({ engine, dir })
    await storeIn(first.endpoint).create(record)
    await first.stop()
    const second = await start({ engine, dir })
    expect(await storeIn(second.endpoint).get(record.id)).toEqual(record)
  })

  it('in memory starts empty, beside others', async () => {
    const [one, two] = await Promise.all([start({ engine }), start({ engine })])
    expect(one.endpoint).not.toBe(two.endpoint)
    await storeIn(one.endpoint).create(completedImage())
    const { TableNames } = await dynamoClient(two.endpoint).send(new ListTablesCommand({}))
    expect(TableNames).toEqual([])
  })

  it('takes the port it is given, and frees it when stopped, however often', async () => {
    const port = await freePort()
    const onExit = (error: Error): void => {
      throw error
    }
    for (let round = 0; round < 2; round++) {
      const dynamo = await start({ engine, port, onExit })
      expect(dynamo).toMatchObject({ engine, endpoint: `http://127.0.0.1:${port}` })
      await Promise.all([dynamo.stop(), dynamo.stop()])
      await dynamo.stop()
      expect(await answers(dynamo.endpoint)).toBe(false)
    }
  })

  it('refuses a port that is in use', async () => {
    const { endpoint } = await start({ engine })
    await expect(start({ engine, port: Number(new URL(endpoint).port) })).rejects.toThrow(/in use/)
    expect(await answers(endpoint)).toBe(true)
  })

  it('ends with its parent, even a killed one, and loses nothing by it', async () => {
    const record = completedImage()
    const parent = await startInOtherProcess(engine, dir)
    await storeIn(parent.endpoint).create(record)
    if (engine === 'dynamodb-local') expect(await javaOn(parent.endpoint)).toBe(true)
    parent.kill()
    await expect.poll(() => answers(parent.endpoint), { timeout: 10_000 }).toBe(false)
    await expect.poll(() => javaOn(parent.endpoint), { timeout: 10_000 }).toBe(false)
    const next = await start({ engine, dir })
    expect(await storeIn(next.endpoint).get(record.id)).toEqual(record)
  })
})

describe.runIf(hasJava)('DynamoDB Local', () => {
  it('is the choice where there is a Java for it, and lacks nothing', async () => {
    expect(await start({})).toMatchObject({ engine: 'dynamodb-local', missing: [] })
  })

  it('tells when it ends unasked', async () => {
    const errors: Error[] = []
    const { endpoint } = await start({ engine: 'dynamodb-local', onExit: (error) => errors.push(error) })
    process.kill(await javaPid(endpoint), 'SIGKILL')
    await expect
      .poll(() => errors.map(({ message }) => message))
      .toEqual([expect.stringContaining('DynamoDB Local has exited')])
  })

  it('is not ended by what a terminal sends to the process group', async () => {
    const { endpoint } = await start({ engine: 'dynamodb-local' })
    const pid = await javaPid(endpoint)
    const { stdout } = await run('ps', ['-o', 'pgid=', '-p', `${pid},${process.pid}`])
    const groups = stdout.trim().split(/\s+/)
    expect(new Set(groups).size).toBe(2)
  })

  it('that fails to start tells what Java said', async () => {
    await putOnPath('java', 'echo "Error: no room for a heap" >&2; exit 1')
    await expect(start({ engine: 'dynamodb-local' })).rejects.toThrow(
      /DynamoDB Local did not start.*no room for a heap/,
    )
  })
})

describe('dynalite', () => {
  it.each([
    ['no Java', 'exit 127'],
    ['a Java too old', `echo 'openjdk version "11.0.22" 2024-01-16' >&2`],
  ])('is the choice where there is %s', async (_, script) => {
    await putOnPath('java', script)
    expect((await start({})).engine).toBe('dynalite')
  })

  it('lacks what it says', async () => {
    const { endpoint, missing } = await start({ engine: 'dynalite' })
    expect(missing).toEqual(['migration', 'streams', 'transactions', 'PartiQL', 'TTL expiry'])
    const client = dynamoClient(endpoint)
    await ensureTable(client, 'images')
    const { Table } = await client.send(new DescribeTableCommand({ TableName: 'images' }))
    expect(Table?.LatestStreamArn).toBeUndefined()
    const unknown = { name: 'UnknownOperationException' }
    const put = { Put: { TableName: 'images', Item: { PK: { S: 'a' }, SK: { S: 'a' } } } }
    await expect(client.send(new TransactWriteItemsCommand({ TransactItems: [put] }))).rejects.toMatchObject(
      unknown,
    )
    const TimeToLiveSpecification = { AttributeName: 'ttl', Enabled: true }
    await expect(
      client.send(new UpdateTimeToLiveCommand({ TableName: 'images', TimeToLiveSpecification })),
    ).rejects.toMatchObject(unknown)
  })
})

describe('the release of Java', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment (build 17.0.15+6)', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "21" 2023-09-19', 21],
    ['openjdk version "24-ea" 2025-03-18', 24],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', null],
  ])('is read from %j', (text, release) => {
    expect(parseJavaRelease(text)).toBe(release)
  })
})

/** A store on a table that is made when first needed. */
function storeIn(endpoint: string): ReturnType<typeof createDynamoMetadataStore> {
  const client = dynamoClient(endpoint)
  const store = createDynamoMetadataStore({ client, table: 'images' })
  return {
    ...store,
    async create(record) {
      await ensureTable(client, 'images')
      return store.create(record)
    },
  }
}

async function startInOtherProcess(
  engine: string,
  folder: string,
): Promise<{ endpoint: string; kill(): void }> {
  const script = `
    import { startDynamoDb } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)}
    const { endpoint } = await startDynamoDb(${JSON.stringify({ engine, dir: folder })})
    process.stdout.write(endpoint)
    setInterval(() => {}, 1000)
  `
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [endpoint] = (await once(parent.stdout, 'data')) as [Buffer]
  return { endpoint: endpoint.toString(), kill: () => parent.kill('SIGKILL') }
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    await fetch(endpoint)
    return true
  } catch {
    return false
  }
}

async function javaOn(endpoint: string): Promise<boolean> {
  return (await javaPids(endpoint)).length > 0
}

async function javaPid(endpoint: string): Promise<number> {
  const [pid] = await javaPids(endpoint)
  return pid!
}

/** The processes that have this port on their command line; the shell around java would count as well. */
async function javaPids(endpoint: string): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,args='])
  const port = new URL(endpoint).port
  const lines = stdout.split('\n').filter((line) => line.includes(`-jar DynamoDBLocal.jar -port ${port} `))
  return lines.map((line) => Number.parseInt(line, 10))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Puts a command of this name before all others, for as long as the test runs. */
async function putOnPath(name: string, script: string): Promise<void> {
  const file = join(dir, name)
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
  process.env.PATH = `${dir}${delimiter}${path}`
}
