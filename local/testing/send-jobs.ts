import pino from 'pino'
import { openJobQueue } from '../job-queue.ts'

/* Sends jobs until it is killed, and says so after each: `send-jobs.ts <dir>`. */
const queue = await openJobQueue({ dir: process.argv[2]!, log: pino({ level: 'silent' }) })
for (let n = 0; ; n++) {
  await queue.send([{ kind: 'upgrade', path: `/v/${n}` }])
  process.stdout.write(`${n}\n`)
}
