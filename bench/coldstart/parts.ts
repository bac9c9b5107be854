import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleForLambda, type LambdaBundle } from '../../scripts/build-lambda.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))

const usePino = "import pino from 'pino'; pino({ base: null }).debug('')"
const useMetrics =
  "import { Counter, Histogram, Registry } from 'prom-client'; globalThis.kept = [Counter, Histogram, new Registry()]"

/** One use of each library, so that it is loaded and not left out. */
const uses: Record<string, string> = {
  "Node's own fetch classes": "new Request('http://a.test')",
  "Node's own https": "import { request } from 'node:https'; globalThis.kept = request",
  '@smithy/signature-v4': "import { SignatureV4 } from '@smithy/signature-v4'; globalThis.kept = SignatureV4",
  '@aws-sdk/util-dynamodb':
    "import { unmarshall } from '@aws-sdk/util-dynamodb'; unmarshall({ a: { S: '' } })",
  pino: usePino,
  'prom-client': useMetrics,
  'zod, `import * as z`': "import * as z from 'zod'; z.object({ a: z.string() }).parse({ a: '' })",
  'zod, `import { z }`': "import { z } from 'zod'; z.object({ a: z.string() }).parse({ a: '' })",
  'the record of an image':
    "import { ImageRecord } from '../../core/image.ts'; ImageRecord.safeParse({}); globalThis.kept = ImageRecord",
  sharp: "await import('sharp')",
}

/** The same of packages that bundles have a lighter part of. */
const wholeUses: Record<string, string> = { 'pino, whole': usePino, 'prom-client, whole': useMetrics }

/** A bundle for each library of the origin that does nothing but load it. */
export async function bundleParts(dir: string): Promise<{ name: string; bundle: LambdaBundle }[]> {
  const bundles: { name: string; bundle: LambdaBundle }[] = []
  for (const [name, use] of Object.entries({ ...uses, ...wholeUses })) {
    const source = join(dir, `part-${bundles.length}.ts`)
    await writeFile(source, `import { report } from '../../bench/coldstart/report.ts'\n${use}\nreport()\n`)
    const options = name in wholeUses ? { plugins: [] } : {}
    const outfile = source.replace(/\.ts$/, '.mjs')
    const bundle = await bundleForLambda(relative(repository, source), outfile, options)
    bundles.push({ name: `load ${name}`, bundle })
  }
  return bundles
}
