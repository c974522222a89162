"""The steps of the DAG, one file each, as plain functions over folders. Nothing here knows Prefect or DVC."""
