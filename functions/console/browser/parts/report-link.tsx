import { call, storedKey } from "../service.ts";

/** The report as a page of its own. Where a key is needed, it is fetched with it and opened from there. */
export function ReportLink({ address }: { address: string }) {
  const open = async (event: Event) => {
    if (storedKey() === null) return;
    event.preventDefault();
    const url = URL.createObjectURL(await (await call(address)).blob());
    window.open(url, "_blank", "noopener");
  };
  return (
    <a href={address} target="_blank" rel="noopener" onClick={open}>
      Report ↗
    </a>
  );
}
