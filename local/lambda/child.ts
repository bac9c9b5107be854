import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pathToFileURL } from 'node:url'
import { installAwsLambda } from './awslambda.ts'
import { createFunctionUrl, type LambdaHandler } from './function-url.ts'

/*
 * The process of a Lambda function: loads the bundle that it is given and serves its handler. `startLambda` talks to it.
 */

const [bundle] = process.argv.slice(2)
if (bundle === undefined) throw new Error('The path of a bundle is needed')

installAwsLambda()
const { handler } = (await import(pathToFileURL(bundle).href)) as { handler: LambdaHandler }
const server = createServer(
  createFunctionUrl(handler, { onInvoked: (requestId) => process.send?.({ kind: 'invoked', requestId }) }),
)
server.listen(0, '127.0.0.1', () => {
  process.send?.({ kind: 'listening', port: (server.address() as AddressInfo).port })
})
process.once('disconnect', () => process.exit())
