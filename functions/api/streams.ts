/** Streams between web and async iteration. */

/** Pulls one piece at a time; a reader that leaves ends the generator, with its `finally`. */
export function readableFrom(
  pieces: AsyncGenerator<Uint8Array>,
  onCancel: () => void = () => {},
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      onCancel();
      await pieces.return(undefined);
    },
  });
}
