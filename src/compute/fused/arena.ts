/** Everything is aligned to cache lines: no two threads write to one, and SIMD loads never straddle two. */
const ALIGNMENT = 64;
const PAGE = 65536;

/** Places in one shared WebAssembly memory: first fit, freed neighbours are merged, memory grows when nothing fits. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  /** Free ranges in ascending order, never adjacent. */
  private readonly free: { start: number; bytes: number }[] = [];
  private readonly taken = new Map<number, number>();
  private end: number;

  /** Addresses below `reserved` are never given away. */
  constructor(memory: WebAssembly.Memory, reserved: number) {
    this.memory = memory;
    this.end = memory.buffer.byteLength;
    this.free.push({ start: align(reserved), bytes: this.end - align(reserved) });
  }

  /** Zeroed bytes. @throws RangeError when the memory's maximum is reached. */
  take(bytes: number): number {
    const size = align(Math.max(bytes, 1));
    let index = this.free.findIndex((range) => range.bytes >= size);
    if (index < 0) {
      this.grow(size);
      index = this.free.length - 1;
    }
    const range = this.free[index];
    const { start } = range;
    range.start += size;
    range.bytes -= size;
    if (range.bytes === 0) this.free.splice(index, 1);
    this.taken.set(start, size);
    new Uint8Array(this.memory.buffer, start, size).fill(0);
    return start;
  }

  give(start: number): void {
    const bytes = this.taken.get(start);
    if (bytes === undefined) throw new RangeError(`give: nothing was taken at ${start}`);
    this.taken.delete(start);
    this.insert(start, bytes);
  }

  private grow(bytes: number): void {
    const last = this.free.at(-1);
    const have = last !== undefined && last.start + last.bytes === this.end ? last.bytes : 0;
    const pages = Math.ceil((bytes - have) / PAGE);
    this.memory.grow(pages);
    this.insert(this.end, pages * PAGE);
    this.end += pages * PAGE;
  }

  private insert(start: number, bytes: number): void {
    let index = this.free.findIndex((range) => range.start > start);
    if (index < 0) index = this.free.length;
    this.free.splice(index, 0, { start, bytes });
    this.merge(index);
    this.merge(index - 1);
  }

  /** Join range `index` with the next if they touch. */
  private merge(index: number): void {
    const range = this.free[index];
    const next = this.free[index + 1];
    if (range === undefined || next === undefined || range.start + range.bytes !== next.start) return;
    range.bytes += next.bytes;
    this.free.splice(index + 1, 1);
  }
}

/** Up to whole cache lines. */
export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
