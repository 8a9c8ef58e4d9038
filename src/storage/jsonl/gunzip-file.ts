import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

/**
 * The content of a gzip file with any number of members, checked to the last
 * trailer: a cut or damaged file gives what could be read and then throws.
 */
export async function* gunzipFile(filePath: string): AsyncGenerator<Buffer> {
  const compressed = createReadStream(filePath);
  const plain = createGunzip();
  compressed.on('error', (error) => plain.destroy(error));
  compressed.pipe(plain);
  try {
    yield* readAll(plain);
  } finally {
    compressed.destroy();
    plain.destroy();
  }
}

async function* readAll(stream: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) yield chunk;
}
