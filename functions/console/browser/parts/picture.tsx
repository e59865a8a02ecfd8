import { useEffect, useState } from "preact/hooks";
import { call, imageAddress, storedKey } from "../service.ts";

type Props = {
  sha256: string;
  alt: string;
  width?: number;
  height?: number;
  size?: "full" | "thumbnail";
};

/** Pixels; below it a picture is enlarged, crisply. */
const SMALL = 160;

/** A kept image. An `img` cannot send a key: where one is needed, the bytes are fetched with it. */
export function Picture({ sha256, alt, width, height, size = "full" }: Props) {
  const address = imageAddress(sha256, size);
  const source = useSource(address);
  const crisp = Math.max(width ?? 0, height ?? 0) < SMALL ? "crisp" : "";
  return <img class={`picture ${crisp}`} src={source} alt={alt} width={width} height={height} loading="lazy" />;
}

function useSource(address: string): string | undefined {
  const keyed = storedKey() !== null;
  const [blob, setBlob] = useState<string>();
  useEffect(() => {
    if (!keyed) return;
    const abort = new AbortController();
    let url: string | undefined;
    call(address, { signal: abort.signal })
      .then((response) => response.blob())
      .then((bytes) => {
        url = URL.createObjectURL(bytes);
        setBlob(url);
      })
      .catch(() => {}); // the alternative text stands in its place
    return () => {
      abort.abort();
      if (url !== undefined) URL.revokeObjectURL(url);
    };
  }, [address, keyed]);
  return keyed ? blob : address;
}
