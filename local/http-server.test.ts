import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { listen } from './http-server.ts'

it('closes although somebody holds a connection that was never used, and ends the request under way', async () => {
  let arrived = (_response: ServerResponse): void => {}
  const arrival = new Promise<ServerResponse>((resolve) => (arrived = resolve))
  const server = await listen((_request, response) => arrived(response), 0, '127.0.0.1')
  await once(connect(server.port, '127.0.0.1'), 'connect')
  const answer = fetch(`http://127.0.0.1:${server.port}/`)
  const response = await arrival
  const closed = server.close()
  response.end('done')
  expect(await (await answer).text()).toBe('done')
  await closed
})
