/*
 * Runs in njs: hands events to the handler one after the other, and gives what it answered, or `{ thrown }`.
 */
export default async function answerEvents(handler, events) {
  const answers = []
  for (let i = 0; i < events.length; i++) {
    try {
      const answer = await handler(events[i])
      answers.push(answer)
    } catch (error) {
      answers.push({ thrown: String(error) })
    }
  }
  return answers
}
