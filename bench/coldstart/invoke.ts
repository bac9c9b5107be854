import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { type HandlerStream, installAwsLambda } from '../../local/lambda/awslambda.ts'
import { report } from './report.ts'

/*
 * The cold start of a function: loads its bundle, invokes it once for a path, and ends when the answer is complete,
 * before what goes on after it.
 *
 * Arguments: bundle, path, and `eager` to load sharp before the bundle.
 */

const [bundle, rawPath, eager] = process.argv.slice(2)
const domainName = 'bench.test'

class Answer extends Writable implements HandlerStream {
  beforeFirstWrite?: HandlerStream['beforeFirstWrite']
  status = 0

  setContentType(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.status === 0) this.beforeFirstWrite?.((prelude) => this.#readHead(prelude))
    void chunk
    done()
  }

  override _final(done: () => void): void {
    done()
    if (this.status !== 200) throw new Error(`answered ${this.status}`)
    report()
  }

  #readHead(prelude: string | Uint8Array): void {
    if (typeof prelude === 'string') this.status = (JSON.parse(prelude) as { statusCode: number }).statusCode
  }
}

if (eager === 'eager') await import('sharp')
installAwsLambda()
const { handler } = (await import(pathToFileURL(bundle!).href)) as {
  handler: (event: object, stream: HandlerStream, context: object) => Promise<void>
}
await handler(
  {
    version: '2.0',
    rawPath,
    rawQueryString: '',
    headers: { host: domainName },
    requestContext: { domainName, requestId: 'bench', http: { method: 'GET', path: rawPath } },
    isBase64Encoded: false,
  },
  new Answer(),
  {},
)
