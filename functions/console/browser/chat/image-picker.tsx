import { useEffect, useState } from "preact/hooks";
import { Gallery } from "./gallery.tsx";
import { type PickedImage, pickedFile } from "./picked-image.ts";

type Props = { image: PickedImage | undefined; onImage: (image: PickedImage | undefined) => void };

/** Drop, paste or choose a picture, or take one of a run's. */
export function ImagePicker({ image, onImage }: Props) {
  const [wrong, setWrong] = useState<string>();
  const [gallery, setGallery] = useState(false);
  const [over, setOver] = useState(false);
  const take = (file: File | null | undefined) => {
    if (!file) return;
    setWrong(undefined);
    pickedFile(file, file.name).then(onImage, (cause: Error) => setWrong(cause.message));
  };
  usePaste(take);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer?.files[0]);
  };
  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way of three; the buttons are the others
    <div class={`drop ${over ? "over" : ""}`} onDragOver={drag} onDragLeave={() => setOver(false)} onDrop={drop}>
      {image === undefined ? (
        <p class="fine">Drop or paste a picture here</p>
      ) : (
        <img class={`picture ${image.small ? "crisp" : ""}`} src={image.shown} alt={`Chosen: ${image.name}`} />
      )}
      <div class="buttons">
        <label class="button small file">
          Choose a file
          <input
            type="file"
            name="image"
            accept="image/jpeg,image/png,image/webp"
            onChange={(event) => take(event.currentTarget.files?.[0])}
          />
        </label>
        <button type="button" class="small" onClick={() => setGallery(true)}>
          From a run …
        </button>
        {image !== undefined && (
          <button type="button" class="small" onClick={() => onImage(undefined)}>
            Remove
          </button>
        )}
      </div>
      {wrong !== undefined && (
        <p class="fine bad" role="alert">
          {wrong}
        </p>
      )}
      {gallery && <Gallery onImage={onImage} onClose={() => setGallery(false)} />}
    </div>
  );
}

function usePaste(take: (file: File | null | undefined) => void): void {
  useEffect(() => {
    const paste = (event: ClipboardEvent) => take(event.clipboardData?.files[0]);
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  });
}
