import { Command } from 'commander'
import type { ImageView } from '../api/image-view.ts'
import { connect } from './api-client.ts'
import { uploadPhotographs } from './demo/upload-photographs.ts'
import { run } from './exit.ts'

const { url, user } = new Command('npm run demo --')
  .description('Uploads nine photographs to a running system. A second run adds nothing.')
  .option('--url <url>', 'where the system is', 'http://localhost:4000')
  .option('--user <name>', 'whose gallery to fill', 'demo')
  .parse()
  .opts<{ url: string; user: string }>()

await run(async () => {
  const client = await connect(url, { user })
  let example: ImageView | undefined
  for await (const { image, added } of uploadPhotographs(client)) {
    example ??= image
    const size = `${image.width} x ${image.height}`
    console.log(`${added ? 'added    ' : 'was there'}  ${image.id}  ${size.padEnd(11)}  ${image.title}`)
  }
  console.log(`\nThe gallery is at ${url} (user ${user}). Three pictures to try:\n${urlsToTry(example!)}`)
})

function urlsToTry({ imageUrl }: ImageView): string {
  const { origin, pathname, searchParams } = new URL(imageUrl!)
  const image = `${origin}${pathname}?r=${searchParams.get('r')}`
  return [
    `  ${image}&w=640            in the best format that the browser takes`,
    `  ${image}&w=640&ar=1:1     cropped to a square`,
    `  ${image}&w=320&dpr=2&q=high&f=webp`,
  ].join('\n')
}
